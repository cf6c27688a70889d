import Glibc

// Nothing may come before these: no thread, no library, no descriptor of our own.
Trampoline.runIfAsked(count: CommandLine.argc, arguments: CommandLine.unsafeArgv)
let startState = StartState.record()
StandardStreams.holdClosedOnes()
print(
    startState,
    Supervision.forwarded,
    JobArguments.shielded(ArgumentText.strings(count: CommandLine.argc, CommandLine.unsafeArgv))
)
