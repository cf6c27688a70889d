import CLinux
import Glibc

/// The state that `leasectl` was started with, and that its job must be started with in turn.
///
/// Runtimes and libraries change some of it (SIGPIPE, descriptors), so `main` records it before anything else runs. Of
/// the dispositions only "ignored" is recorded: handlers do not survive execve(2).
struct StartState: Hashable, Sendable {
    /// The signals that were ignored: nohup's HUP, for example.
    let ignored: SignalSet
    /// The signals that were blocked.
    let blocked: SignalSet
    /// The descriptors that were open, except the standard streams.
    var descriptors: DescriptorSet

    /// The state that this process was started with, if it was recorded before there was a second thread.
    static let ofThisProcess = record()

    /// Records the state of this process.
    ///
    /// Must be called before anything else runs.
    static func recordOfThisProcess() {
        _ = ofThisProcess
    }

    private static func record() -> StartState {
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        return StartState(
            ignored: SignalSet((1...SignalSet.highest).filter { clinux_is_signal_ignored($0) == 1 }),
            blocked: SignalSet(mask),
            descriptors: .open()
        )
    }

    /// Restores the recorded state, as the last step before the job is executed.
    ///
    /// Every other descriptor is marked close-on-exec. Those of `leasectl` already are, but a library may open one and
    /// mark it a moment later, and the job may be started in between.
    ///
    /// A signal that arrived while it was blocked is delivered in here, and may end the process, as it would have ended
    /// the job.
    func restore() {
        for descriptor in DescriptorSet.open().numbers.subtracting(descriptors.numbers) {
            clinux_set_close_on_exec(descriptor, 1)
        }
        // KILL and STOP are refused, and were never changed.
        for signal in 1...SignalSet.highest {
            clinux_set_signal_ignored(signal, ignored.contains(signal) ? 1 : 0)
        }
        var mask = blocked.mask
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
