import CLinux
import Glibc

/// The step between `leasectl` and its job: `leasectl` executes itself as the trampoline, which executes the job.
///
/// posix_spawn(3) can neither set a parent-death signal nor restore all signal state, so this process does it in
/// between. The spawned process
///
/// 1. asks to be killed when the thread that spawned it ends (the main thread of `leasectl`, which lives as long as
///    `leasectl`), and checks before and after that its parent is still there: a parent that died in between would
///    never send the signal;
/// 2. restores the ignored signals, the mask and the descriptors that `leasectl` itself was started with;
/// 3. executes the job. If that fails, it writes errno, and whether the file exists, into a pipe that a successful
///    execution closes; so `leasectl` can tell "not found" from "cannot be executed" without interpreting exit codes.
///
/// Its arguments: ``marker``, the parent's process id, the ignored and the blocked signals, the inherited descriptors,
/// the pipe, the command. The parent-death signal is best effort: the kernel clears it for a set-user-ID program
/// (prctl(2)).
enum Trampoline {
    /// The hidden subcommand.
    ///
    /// The option parser would not accept it.
    static let marker = "---job"

    /// How many arguments come before the command, including the program's own name.
    private static let headCount = 7

    /// The arguments that start the trampoline.
    static func arguments(parent: pid_t, start: StartState, errorPipe: Int32, command: JobCommand) -> [[UInt8]] {
        let head = [
            "leasectl", marker, "\(parent)", start.ignored.text, start.blocked.text, start.descriptors.text,
            "\(errorPipe)",
        ]
        return head.map { Array($0.utf8) } + command.arguments
    }

    /// Becomes the job if these are the trampoline's arguments; otherwise returns.
    static func runIfAsked(count: Int32, arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) {
        guard count > 1, let first = arguments[1], strcmp(first, marker) == 0 else { return }
        let texts = (2..<headCount).map { index in index < count ? arguments[index].map { String(cString: $0) } : nil }
        guard count > headCount,
            let parent = texts[0].flatMap({ pid_t($0) }),
            let ignored = texts[1].flatMap({ SignalSet(text: $0) }),
            let blocked = texts[2].flatMap({ SignalSet(text: $0) }),
            let descriptors = texts[3].flatMap({ DescriptorSet(text: $0) }),
            let errorPipe = texts[4].flatMap({ Int32($0) }),
            clinux_set_close_on_exec(errorPipe, 1) == 0
        else { _exit(ExitStatus.usage) }

        guard getppid() == parent else { _exit(ExitStatus.internalError) }
        clinux_set_parent_death_signal(SIGKILL)
        guard getppid() == parent else { _exit(ExitStatus.internalError) }
        StartState(ignored: ignored, blocked: blocked, descriptors: descriptors).restore()
        let failure = ProgramSearch.execute(arguments + headCount)
        withUnsafeBytes(of: failure) { _ = write(errorPipe, $0.baseAddress, $0.count) }
        _exit(ExitStatus.cannotExecute)
    }
}
