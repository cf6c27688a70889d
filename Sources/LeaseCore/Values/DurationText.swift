/// Durations as people and the protocol write them: `500ms`, `30s`, `1m30s`, `2h`, `7d`.
///
/// Integers with a unit, which may be joined, each unit at most once and the greater ones first. A bare number is
/// refused, since nobody can know its unit. There is no upper bound here but the range of 64 bits of milliseconds;
/// whoever takes a duration states its own limits.
public enum DurationText {
    /// The units, greatest first, in milliseconds.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads a duration.
    ///
    /// A value that does not fit into 64 bits of milliseconds is the greatest duration that does: it is over every
    /// limit, and is refused by whoever states one.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is not of the form; the message quotes it.
    public static func parse(_ text: some StringProtocol) throws(LeaseError) -> Duration {
        var rest = Substring(text)
        var total: Int64 = 0
        var nextUnit = 0
        var hasOverflowed = false
        guard !rest.isEmpty else { throw malformed(text) }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest.dropFirst(digits.count).prefix { !$0.isNumber }
            guard !digits.isEmpty, let unit = units.firstIndex(where: { $0.name == name }), unit >= nextUnit else {
                throw malformed(text)
            }
            nextUnit = unit + 1
            rest = rest.dropFirst(digits.count + name.count)
            guard let count = Int64(digits) else {
                hasOverflowed = true
                continue
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, overflowSum) = total.addingReportingOverflow(product)
            if overflow || overflowSum {
                hasOverflowed = true
            } else {
                total = sum
            }
        }
        return .milliseconds(hasOverflowed ? Int64.max : total)
    }

    /// Writes a duration to the millisecond in the form that ``parse(_:)`` reads: `1m30s`, and `0s` for none.
    public static func format(_ duration: Duration) -> String {
        var rest = max(duration.wholeMilliseconds, 0)
        var text = ""
        for (name, milliseconds) in units where rest >= milliseconds {
            text += "\(rest / milliseconds)\(name)"
            rest %= milliseconds
        }
        return text.isEmpty ? "0s" : text
    }

    private static func malformed(_ text: some StringProtocol) -> LeaseError {
        let isBareNumber = !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber }
        let quoted = Label(sanitizing: text.utf8.prefix(64))
        return LeaseError(
            .invalidRequest,
            isBareNumber
                ? "'\(quoted)' has no unit; say for example \(text.prefix(20))s"
                : "'\(quoted)' is not a duration; write an integer and a unit of ms, s, m, h, d, as in 500ms, 30s or 1m30s"
        )
    }
}
