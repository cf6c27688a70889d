import Glibc
import LeaseCore

/// A line on stderr that tells how far a long command is: on a terminal alone.
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
    ///   - noun: what it is done with.
    ///   - total: how many there are, if that is known.
    ///   - prints: whether the command prints to stdout meanwhile; a terminal has no room for both.
    init(_ verb: String, _ noun: String = "entries", of total: Int? = nil, prints: Bool = false) {
        self.verb = verb
        self.noun = noun
        self.total = total
        isShown = isatty(STDERR_FILENO) == 1 && !(prints && isatty(STDOUT_FILENO) == 1)
    }

    /// So many entries more are done.
    ///
    /// - Parameter total: how many there are in all, if that is known.
    mutating func advance(by entries: Int, of total: Int? = nil) {
        count += entries
        guard isShown, BootClock.now() >= nextTime else { return }
        nextTime = BootClock.now().advanced(by: Self.interval)
        say("\r\(verb) \(count)\((total ?? self.total).map { " of \($0)" } ?? "") \(noun)")
    }

    /// Takes the line away.
    func end() {
        if isShown { say("\r\u{1B}[K") }
    }

    private func say(_ text: String) {
        _ = Console.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
