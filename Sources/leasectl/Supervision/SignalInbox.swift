import CLinux
import Glibc

/// The signals to this process, as a descriptor to read: they interrupt nothing and are lost nowhere.
///
/// They are blocked in the calling thread and in every thread that it starts later, so an inbox is made before there is
/// a second thread.
struct SignalInbox: ~Copyable {
    /// One signal that came.
    struct Signal: Hashable, Sendable {
        let number: Int32
        /// The kernel sent it by itself, as its terminal driver does at Ctrl-C, and no process did.
        let isFromKernel: Bool
    }

    /// Readable when a signal has come.
    let descriptor: Int32

    /// Takes over the signals, and SIGCHLD.
    ///
    /// A signal that was ignored when this program started stays ignored, for it and for the job. (A blocked signal is
    /// queued even if it is ignored, so it must not be blocked here.) SIGCHLD must not be: children would be reaped by
    /// the kernel, and how the job ended would be lost; the job gets it back as it was.
    ///
    /// - Throws: errno as a ``SpawnFailure``, when the machine has no descriptor left.
    init(_ signals: [Int32], start: StartState) throws(SpawnFailure) {
        clinux_set_signal_ignored(SIGCHLD, 0)
        var mask = SignalSet(signals.filter { !start.ignored.contains($0) } + [SIGCHLD]).mask
        pthread_sigmask(SIG_BLOCK, &mask, nil)
        descriptor = signalfd(-1, &mask, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        guard descriptor >= 0 else { throw .refused(errno) }
    }

    deinit {
        close(descriptor)
    }

    /// The signals that have come since the last call.
    func take() -> [Signal] {
        var signals: [Signal] = []
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(descriptor, &information, size) == size {
            signals.append(
                Signal(number: Int32(information.ssi_signo), isFromKernel: information.ssi_code == Self.fromKernel)
            )
        }
        return signals
    }

    /// SI_KERNEL of sigaction(2), an enumerator that Swift does not see.
    private static let fromKernel: Int32 = 0x80
}
