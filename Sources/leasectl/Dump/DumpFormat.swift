import LeaseCore

/// A dump: the entries of a store as lines of JSON (NDJSON), for a backup or another daemon.
///
///     {"format":"leased-dump","version":1}
///     {"key":"YQ==","value":"","children":["eA==","eQ=="]}
///     {"key":"Yg==","lease":{"token":9,"expires_at_ms":1700000000000,"fence":9,"ttl_ms":30000,"uid":0,"owner":"bWU="}}
///     {"entries":2,"checksum":"xxh64:0123456789abcdef"}
///
/// Keys, values, children and owner labels are base64 (RFC 4648), so that any bytes survive. Absent parts of an entry
/// are left out; a key may have several entries, which add up. The last line has the number of entries and the XXH64 of
/// all lines before it, including line ends.
///
/// A reader accepts exactly these bytes and no other spelling of the same JSON, so a dump that was truncated or altered
/// anywhere is refused. The checksum guards against accidents, not against attackers: an attacker who can write the
/// dump can also write its checksum.
enum DumpFormat {
    /// The version that this release writes, and the only one that it reads.
    static let version = 1

    /// The most bytes of a line: well above the longest entry in the largest frame.
    static let longestLine = 16 << 20

    /// The first line.
    static let header = Array(#"{"format":"leased-dump","version":\#(version)}"#.utf8)
    static let headerStart = Array(#"{"format":"leased-dump","version":"#.utf8)

    /// The last line.
    static func trailer(entries: Int, checksum: UInt64) -> [UInt8] {
        let digits = String(checksum, radix: 16)
        let padding = String(repeating: "0", count: 16 - digits.count)
        return Array(#"{"entries":\#(entries),"checksum":"xxh64:\#(padding)\#(digits)"}"#.utf8)
    }
    static let trailerStart = Array(#"{"entries":"#.utf8)
}

/// Writes a dump, line by line.
struct DumpWriter {
    private(set) var entries = 0
    private var checksum = XXH64()

    mutating func header() -> [UInt8] {
        line(DumpFormat.header)
    }

    mutating func line(_ entry: StoreEntry) -> [UInt8] {
        entries += 1
        return line(entry.dumpLine)
    }

    func trailer() -> [UInt8] {
        DumpFormat.trailer(entries: entries, checksum: checksum.value) + [UInt8(ascii: "\n")]
    }

    private mutating func line(_ text: [UInt8]) -> [UInt8] {
        let line = text + [UInt8(ascii: "\n")]
        checksum.update(line)
        return line
    }
}

extension StoreEntry {
    /// The entry as JSON.
    fileprivate var dumpLine: [UInt8] {
        var line = Array(#"{"key":"#.utf8) + Self.quoted(key.bytes)
        if let value { line += Array(#","value":"#.utf8) + Self.quoted(value) }
        if !children.isEmpty {
            line += Array(#","children":["#.utf8)
            for (index, child) in children.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                line += Self.quoted(child.bytes)
            }
            line.append(UInt8(ascii: "]"))
        }
        if let lease {
            line += Array(#","lease":{"token":\#(lease.token),"expires_at_ms":\#(lease.expiresAt.milliseconds)"#.utf8)
            if let fence = lease.fence { line += Array(#","fence":\#(fence)"#.utf8) }
            if let ttl = lease.ttl { line += Array(#","ttl_ms":\#(ttl.milliseconds)"#.utf8) }
            if let uid = lease.uid { line += Array(#","uid":\#(uid)"#.utf8) }
            if let owner = lease.owner { line += Array(#","owner":"#.utf8) + Self.quoted(Array(owner.text.utf8)) }
            line.append(UInt8(ascii: "}"))
        }
        line.append(UInt8(ascii: "}"))
        return line
    }

    private static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "\"")] + Base64.digits(bytes) + [UInt8(ascii: "\"")]
    }
}
