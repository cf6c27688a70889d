import LeaseCore

/// Parses the line of an entry: exactly the bytes that ``DumpWriter`` writes.
///
/// Each function continues after what it found, or returns `nil`.
struct DumpScanner {
    private let line: [UInt8]
    private var index = 0

    init(_ line: [UInt8]) {
        self.line = line
    }

    /// The entry, if the whole line is one.
    mutating func entry() -> StoreEntry? {
        guard skip(#"{"key":"#), let key = key() else { return nil }
        var entry = StoreEntry(key: key)
        if skip(#","value":"#) {
            guard let value = bytes() else { return nil }
            entry.value = value
        }
        if skip(#","children":["#) {
            repeat {
                guard let child = self.key() else { return nil }
                entry.children.append(child)
            } while skip(",")
            guard skip("]") else { return nil }
        }
        if skip(#","lease":"#) {
            guard let lease = lease() else { return nil }
            entry.lease = lease
        }
        guard skip("}"), index == line.count else { return nil }
        return entry
    }

    private mutating func lease() -> EntryLease? {
        guard skip(#"{"token":"#), let token = integer(Int64.self).flatMap(Token.init(rawValue:)),
            skip(#","expires_at_ms":"#), let expiry = integer(Int64.self)
        else { return nil }
        var lease = EntryLease(token: token, expiresAt: WallInstant(milliseconds: expiry))
        if skip(#","fence":"#) {
            guard let fence = integer(Int64.self).flatMap(Token.init(rawValue:)) else { return nil }
            lease.fence = fence
        }
        if skip(#","ttl_ms":"#) {
            guard let ttl = integer(Int64.self).flatMap({ try? TTL(.milliseconds($0)) }) else { return nil }
            lease.ttl = ttl
        }
        if skip(#","uid":"#) {
            guard let uid = integer(UInt32.self) else { return nil }
            lease.uid = uid
        }
        if skip(#","owner":"#) {
            guard let bytes = bytes(), let text = String(validating: bytes, as: UTF8.self),
                let owner = try? Label(text)
            else { return nil }
            lease.owner = owner
        }
        return skip("}") ? lease : nil
    }

    private mutating func skip(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { text in
            guard line[index...].starts(with: text) else { return false }
            index += text.count
            return true
        }
    }

    private mutating func key() -> Key? {
        bytes().flatMap { try? Key($0) }
    }

    /// Base64 in quotes.
    private mutating func bytes() -> [UInt8]? {
        guard skip("\""), let end = line[index...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        defer { index = end + 1 }
        return Base64.bytes(line[index..<end])
    }

    private mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        let digits = line[index...].prefix { (0x30...0x39).contains($0) }
        index += digits.count
        return Number(String(decoding: digits, as: UTF8.self))
    }
}
