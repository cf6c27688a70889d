import Glibc
import LeaseCore

/// A line on stderr that tells how far a long command is: on a terminal alone, where nothing else is printed.
struct Progress {
    private static let interval: Duration = .milliseconds(200)

    private let verb: String
    private let isShown: Bool
    private var count = 0
    private var nextTime = BootClock.now()

    /// - Parameter verb: what is done with the entries, in the past tense.
    init(_ verb: String) {
        self.verb = verb
        isShown = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0
    }

    /// So many entries more are done.
    mutating func advance(by entries: Int) {
        count += entries
        guard isShown, BootClock.now() >= nextTime else { return }
        nextTime = BootClock.now().advanced(by: Self.interval)
        say("\r\(verb) \(count) entries")
    }

    /// Takes the line away.
    func end() {
        if isShown { say("\r\u{1B}[K") }
    }

    private func say(_ text: String) {
        _ = Console.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
