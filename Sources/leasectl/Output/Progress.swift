import Glibc
import LeaseCore

/// A line on stderr that shows the progress of a long command; only on a terminal.
struct Progress {
    private static let interval: Duration = .milliseconds(200)

    private let verb: String
    private let noun: String
    private let total: Int?
    private let isShown: Bool
    private var count = 0
    private var nextTime = BootClock.now()

    /// - Parameters:
    ///   - verb: what is done, in the past tense.
    ///   - noun: what it is done to.
    ///   - total: how many there are, if known.
    ///   - prints: whether the command also prints to stdout; a terminal has no room for both.
    init(_ verb: String, _ noun: String = "entries", of total: Int? = nil, prints: Bool = false) {
        self.verb = verb
        self.noun = noun
        self.total = total
        isShown = isatty(STDERR_FILENO) == 1 && !(prints && isatty(STDOUT_FILENO) == 1)
    }

    /// Counts more entries as done.
    ///
    /// - Parameter total: how many there are in all, if known.
    mutating func advance(by entries: Int, of total: Int? = nil) {
        count += entries
        guard isShown, BootClock.now() >= nextTime else { return }
        nextTime = BootClock.now().advanced(by: Self.interval)
        say("\r\(verb) \(count)\((total ?? self.total).map { " of \($0)" } ?? "") \(noun)")
    }

    func end() {
        if isShown { say("\r\u{1B}[K") }
    }

    private func say(_ text: String) {
        _ = Console.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
