/// Numbers of bytes as the configuration writes them: `65536`, `64KiB`, `8MiB`.
enum ByteCountText {
    private static let units: [(name: String, bytes: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]

    /// Reads a number of bytes; `nil` if it is malformed or does not fit an `Int`.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits) else { return nil }
        let name = text.dropFirst(digits.count)
        if name.isEmpty { return count }
        guard let unit = units.first(where: { $0.name == name }) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// Writes a number of bytes with the largest unit that divides it.
    static func format(_ count: Int) -> String {
        guard let unit = units.first(where: { count >= $0.bytes && count.isMultiple(of: $0.bytes) }) else {
            return "\(count)"
        }
        return "\(count / unit.bytes)\(unit.name)"
    }
}
