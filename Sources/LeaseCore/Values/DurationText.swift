/// Durations as people and the protocol write them: `500ms`, `30s`, `1m30s`, `2h`, `7d`.
///
/// One or more integers with a unit, each unit at most once and greater ones first. A bare number is refused, since
/// nobody can know its unit. The only upper bound is 64 bits of milliseconds; callers set their own limits.
public enum DurationText {
    /// The units, greatest first, in milliseconds.
    private static let units: [(name: String, word: UInt32, milliseconds: Int64)] = [
        ("d", 0x64, 86_400_000), ("h", 0x68, 3_600_000), ("m", 0x6D, 60_000), ("s", 0x73, 1000), ("ms", 0x6D73, 1),
    ]

    /// Reads a duration.
    ///
    /// A value that does not fit into 64 bits of milliseconds becomes the greatest duration that does, which exceeds
    /// every limit that a caller sets.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is not of the form; the message quotes it.
    public static func parse(_ text: some StringProtocol) throws(LeaseError) -> Duration {
        guard let milliseconds = milliseconds(of: text.utf8) else { throw malformed(text) }
        return .milliseconds(milliseconds)
    }

    /// The duration in milliseconds, or `nil` if the bytes are not of the form.
    package static func milliseconds(of bytes: some Sequence<UInt8>) -> Int64? {
        var bytes = bytes.makeIterator()
        var next = bytes.next()
        var total: Int64 = 0
        var hasOverflowed = false
        var nextUnit = 0
        guard next != nil else { return nil }
        while next != nil {
            var count: Int64 = 0
            var hasDigits = false
            while let byte = next, (0x30...0x39).contains(byte) {
                hasDigits = true
                let (product, overflow) = count.multipliedReportingOverflow(by: 10)
                let (sum, overflowSum) = product.addingReportingOverflow(Int64(byte - 0x30))
                hasOverflowed = hasOverflowed || overflow || overflowSum
                count = sum
                next = bytes.next()
            }
            // A unit of at most two letters, as a number: "ms" is 0x6D73.
            var name: UInt32 = 0
            while let byte = next, !(0x30...0x39).contains(byte) {
                // A zero byte would leave no trace in it.
                guard byte != 0, name < 0x100 else { return nil }
                name = name << 8 | UInt32(byte)
                next = bytes.next()
            }
            guard hasDigits, let unit = units.firstIndex(where: { $0.word == name }), unit >= nextUnit else {
                return nil
            }
            nextUnit = unit + 1
            let (product, overflow) = count.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, overflowSum) = total.addingReportingOverflow(product)
            hasOverflowed = hasOverflowed || overflow || overflowSum
            total = sum
        }
        return hasOverflowed ? Int64.max : total
    }

    /// Writes a duration to the millisecond in the form that ``parse(_:)`` reads: `1m30s`, and `0s` for none.
    public static func format(_ duration: Duration) -> String {
        var rest = max(duration.wholeMilliseconds, 0)
        var text = ""
        for (name, _, milliseconds) in units where rest >= milliseconds {
            text += "\(rest / milliseconds)\(name)"
            rest %= milliseconds
        }
        return text.isEmpty ? "0s" : text
    }

    private static func malformed(_ text: some StringProtocol) -> LeaseError {
        let isBareNumber = !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber }
        // A message is one line, and some readers take these for the end of one.
        let shown = Label(sanitizing: text.utf8.prefix(64)).text.map { "\u{2028}\u{2029}".contains($0) ? "?" : $0 }
        let quoted = String(shown)
        return LeaseError(
            .invalidRequest,
            isBareNumber
                ? "'\(quoted)' has no unit; say for example \(text.prefix(20))s"
                : "'\(quoted)' is not a duration; write integers with the units d, h, m, s, ms, each once at the most and in this order, as in 500ms, 30s or 1m30s"
        )
    }
}
