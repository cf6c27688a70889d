import ArgumentParser
import Glibc
import LeaseClient

// Nothing may come before these three: no thread, no library, no descriptor of this program.
Trampoline.runIfAsked(count: CommandLine.argc, arguments: CommandLine.unsafeArgv)
StartState.recordOfThisProcess()
StandardStreams.holdClosedOnes()

ArgumentText.requireArguments(count: CommandLine.argc)

let arguments = ArgumentText.strings(count: CommandLine.argc, CommandLine.unsafeArgv).dropFirst()
do {
    try Leasectl.requireKnownCommand(in: Array(arguments))
    var command = try Leasectl.parseAsRoot(JobArguments.shielded(Array(arguments)))
    ClientThreads.useOne()
    try command.run()
} catch let failure as Failure {
    if !failure.message.isEmpty { Console.complain(failure.message) }
    exit(failure.status)
} catch {
    // For the parser, help and completions are "errors" as well, with success as their code.
    let status = Leasectl.exitCode(for: error).rawValue
    let message = Array(ArgumentText.readable(Leasectl.fullMessage(for: error) + "\n").utf8)
    let failed = Console.write(message, to: status == ExitStatus.success ? STDOUT_FILENO : STDERR_FILENO) != nil
    exit(failed && status == ExitStatus.success ? ExitStatus.outputError : status)
}
