import CLinux
import Glibc
import LeaseCore
import Synchronization

/// The signals to this process, as a descriptor to read: they interrupt nothing and are lost nowhere.
///
/// They are blocked in the calling thread and in every thread that it starts later, so an inbox is made before there is
/// a second thread.
final class SignalInbox: Sendable {
    /// One signal that came.
    struct Signal: Hashable, Sendable {
        let number: Int32
        /// The kernel sent it by itself, as its terminal driver does at Ctrl-C, and no process did.
        let isFromKernel: Bool
    }

    /// The process that passes signals on to this one, if one does.
    private let standIn: pid_t?
    private let echoes = Mutex(SignalEchoes())
    private let repetitions = Mutex(SignalRepetitions())

    /// Readable when a signal has come.
    let descriptor: Int32

    /// Takes over the signals, and SIGCHLD.
    ///
    /// A signal that was ignored when this program started stays ignored, for it and for the job. (A blocked signal is
    /// queued even if it is ignored, so it must not be blocked here.) SIGCHLD must not be: children would be reaped by
    /// the kernel, and how the job ended would be lost; the job gets it back as it was.
    ///
    /// - Parameter standIn: The process that passes signals on (``StandIn``): what comes from there and otherwise, too, is
    ///   taken once.
    /// - Throws: errno as a ``SpawnFailure``, when the machine has no descriptor left.
    init(_ signals: [Int32], start: StartState, standIn: pid_t? = nil) throws(SpawnFailure) {
        self.standIn = standIn
        clinux_set_signal_ignored(SIGCHLD, 0)
        var mask = SignalSet(signals.filter { !start.ignored.contains($0) } + [SIGCHLD]).mask
        pthread_sigmask(SIG_BLOCK, &mask, nil)
        descriptor = signalfd(-1, &mask, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        guard descriptor >= 0 else { throw .refused(errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Waits for as long as a request to stop that comes again is the same as the last one, and returns what comes
    /// meanwhile; nothing if none has come lately.
    ///
    /// To be called before anything that takes a while: what comes again would be read too late to be told from
    /// another.
    func takeWithinWindow() -> [Signal] {
        var signals: [Signal] = []
        while case let left = repetitions.withLock({ $0.timeLeft(now: BootClock.now()) }), left > .zero {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, Int32(left.wholeMilliseconds) + 1)
            signals += take()
        }
        return signals
    }

    /// The signals that have come since the last call.
    func take() -> [Signal] {
        var signals: [Signal] = []
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(descriptor, &information, size) == size {
            let isFromKernel = information.ssi_code == Self.fromKernel
            let signal = Signal(number: Int32(information.ssi_signo), isFromKernel: isFromKernel)
            let now = BootClock.now()
            guard !takeEcho(signal, sender: pid_t(bitPattern: information.ssi_pid), now: now) else { continue }
            let isRepetition = repetitions.withLock { $0.takeRepetition(signal.number, now: now) }
            if !isRepetition { signals.append(signal) }
        }
        return signals
    }

    /// Takes notice of a signal, and says whether it has come the other way already; what a terminal sends is not passed on.
    private func takeEcho(_ signal: Signal, sender: pid_t, now: BootInstant) -> Bool {
        guard let standIn, signal.number != SIGCHLD, !signal.isFromKernel else { return false }
        return echoes.withLock { $0.takeEcho(signal.number, isPassedOn: sender == standIn, now: now) }
    }

    /// SI_KERNEL of sigaction(2), an enumerator that Swift does not see.
    private static let fromKernel: Int32 = 0x80
}

/// Tells one request to stop that is delivered twice from a second one, which kills the job.
///
/// timeout(1) signals its child and then the process group that the child is in; who stops a service signals each of its
/// processes, and those that pass it on do so besides. What comes so soon after the first is the same request.
struct SignalRepetitions: Hashable, Sendable {
    /// How soon: far above what two calls of kill(2) lie apart, and below what it takes to see what the first has done.
    static let window: Duration = .milliseconds(5)

    /// When the last of each kind came that was taken.
    private var taken: [Int32: BootInstant] = [:]

    /// Takes notice of a signal, and says whether it repeats the last one.
    mutating func takeRepetition(_ signal: Int32, now: BootInstant) -> Bool {
        guard signal == SIGTERM || signal == SIGINT else { return false }
        if let last = taken[signal], last.duration(to: now) < Self.window { return true }
        taken[signal] = now
        return false
    }

    /// How long one that comes may still be a repetition; nothing if none was taken lately.
    func timeLeft(now: BootInstant) -> Duration {
        taken.values.map { now.duration(to: $0.advanced(by: Self.window)) }.max() ?? .zero
    }
}
