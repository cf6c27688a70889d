/// The values that `put` writes: 100 bytes, of which the first make each value different.
///
/// Writing the value that is already there would be no work: SQLite does not write a page that stays the same, and has
/// nothing to sync.
struct StoredValue {
    private static let digits = 16

    private let head = RESPCommand.between(thenWordOf: 100)
    private let tail = Array((String(repeating: "0123456789", count: 9).suffix(100 - Self.digits) + "\r\n").utf8)
    /// Begins at a random number, so that two connections hardly ever write the same value.
    private var last = Int.random(in: 0..<1_000_000) * 1_000_000_000

    /// Writes the end of a command whose last word is the next value.
    mutating func appendNext(to output: OutputBuffer) {
        last += 1
        output.append(head)
        output.append(last, digits: Self.digits)
        output.append(tail)
    }
}
