import Glibc

/// Colour, only on a terminal, and never if `NO_COLOR` is set and not empty (no-color.org).
struct TextStyle: Hashable, Sendable {
    let hasColor: Bool

    /// The style for this process's stdout.
    static func standardOutput() -> TextStyle {
        let noColor = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isDumb = getenv("TERM").map { strcmp($0, "dumb") == 0 } ?? true
        return TextStyle(hasColor: isatty(STDOUT_FILENO) == 1 && !noColor && !isDumb)
    }

    /// A header, or the name of a field.
    func heading(_ text: String) -> String { hasColor ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    /// Text that needs attention.
    func warning(_ text: String) -> String { hasColor ? "\u{1B}[33m\(text)\u{1B}[0m" : text }
}
