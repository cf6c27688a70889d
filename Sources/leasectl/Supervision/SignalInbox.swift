import CLinux
import Glibc
import LeaseCore
import Synchronization

/// The signals to this process, through a descriptor: they interrupt nothing, and none is lost.
///
/// They are blocked in the calling thread and in every thread that it starts later, so an inbox must be made before
/// there is a second thread.
final class SignalInbox: Sendable {
    /// One received signal.
    struct Signal: Hashable, Sendable {
        let number: Int32
        /// Whether the kernel sent it, as its terminal driver does at Ctrl-C, and not a process.
        let isFromKernel: Bool
    }

    /// The process that passes signals on to this one, if any.
    private let standIn: pid_t?
    private let echoes = Mutex(SignalEchoes())
    private let repetitions = Mutex(SignalRepetitions())

    /// Readable when a signal has arrived.
    let descriptor: Int32

    /// Takes over the signals, and SIGCHLD.
    ///
    /// A signal that was ignored when this program started stays ignored, for it and for the job. (A blocked signal is
    /// queued even if it is ignored, so it must not be blocked here.) SIGCHLD must not be ignored: the kernel would
    /// reap the children, and the job's status would be lost. The job gets SIGCHLD back as it was.
    ///
    /// - Parameter standIn: The process that passes signals on (``StandIn``): a signal that arrives from there and in
    ///   another way is taken once.
    /// - Throws: errno as a ``SpawnFailure``, if the machine has no descriptor left.
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

    /// Waits while another request to stop would still count as a repetition of the last one, and returns the signals
    /// that arrive meanwhile.
    ///
    /// Returns at once if there was no recent request.
    ///
    /// Must be called before anything that takes a while: a repetition read too late would look like a new request.
    func takeWithinWindow() -> [Signal] {
        var signals: [Signal] = []
        while case let left = repetitions.withLock({ $0.timeLeft(now: BootClock.now()) }), left > .zero {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, Int32(left.wholeMilliseconds) + 1)
            signals += take()
        }
        return signals
    }

    /// The signals that have arrived since the last call.
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

    /// Takes note of a signal, and returns whether it already arrived the other way.
    ///
    /// Signals from a terminal are not passed on.
    private func takeEcho(_ signal: Signal, sender: pid_t, now: BootInstant) -> Bool {
        guard let standIn, signal.number != SIGCHLD, !signal.isFromKernel else { return false }
        return echoes.withLock { $0.takeEcho(signal.number, isPassedOn: sender == standIn, now: now) }
    }

    /// SI_KERNEL of sigaction(2), an enumerator that Swift does not import.
    private static let fromKernel: Int32 = 0x80
}

/// Tells one request to stop that is delivered twice from a second one, which kills the job.
///
/// timeout(1) signals its child and then the child's process group. A service manager signals every process of a
/// service, and some of them also pass the signal on. A signal that follows so soon is the same request.
struct SignalRepetitions: Hashable, Sendable {
    /// The longest delay of a repetition: far above the time between two calls of kill(2), and below the time in which
    /// anyone could see the effect of the first.
    static let window: Duration = .milliseconds(5)

    /// When the last signal of each kind was taken.
    private var taken: [Int32: BootInstant] = [:]

    /// Takes note of a signal, and returns whether it repeats the last one.
    mutating func takeRepetition(_ signal: Int32, now: BootInstant) -> Bool {
        guard signal == SIGTERM || signal == SIGINT else { return false }
        if let last = taken[signal], last.duration(to: now) < Self.window { return true }
        taken[signal] = now
        return false
    }

    /// How long a signal would still count as a repetition; not positive if none was taken recently.
    func timeLeft(now: BootInstant) -> Duration {
        taken.values.map { now.duration(to: $0.advanced(by: Self.window)) }.max() ?? .zero
    }
}
