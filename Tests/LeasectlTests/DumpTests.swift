import Foundation
import LeaseCore
import TestSupport
import Testing

@testable import leasectl

/// Random entries with arbitrary bytes.
private struct EntryMaker {
    var random: SeededGenerator

    mutating func bytes(_ lengths: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: lengths, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    mutating func entry() throws -> StoreEntry {
        var entry = StoreEntry(key: try Key(bytes(1...9)))
        if Bool.random(using: &random) { entry.value = bytes(0...40) }
        for _ in 0..<Int.random(in: 0...3, using: &random) { entry.children.append(try Key(bytes(1...5))) }
        if Bool.random(using: &random) { entry.lease = try lease() }
        return entry
    }

    private mutating func lease() throws -> EntryLease {
        let token = try #require(Token(rawValue: .random(in: 1...Token.max.rawValue, using: &random)))
        var lease = EntryLease(
            token: token,
            expiresAt: WallInstant(milliseconds: .random(in: 0...(1 << 43), using: &random))
        )
        if Bool.random(using: &random) { lease.fence = token }
        if Bool.random(using: &random) { lease.ttl = .max }
        if Bool.random(using: &random) { lease.uid = .random(in: 0 ... .max, using: &random) }
        if Bool.random(using: &random) { lease.owner = Label(sanitizing: bytes(0...20)) }
        return lease
    }
}

private func dump(_ entries: [StoreEntry]) -> [UInt8] {
    var writer = DumpWriter()
    var bytes = writer.header()
    for entry in entries { bytes += writer.line(entry) }
    return bytes + writer.trailer()
}

/// What a reader reads from bytes that come in pieces of this size.
private func read(_ bytes: [UInt8], pieces size: Int = .max) throws(Failure) -> [StoreEntry] {
    var reader = DumpReader()
    var entries: [StoreEntry] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        entries += try reader.feed(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
    }
    guard try reader.finish().entries == entries.count else { throw Failure(0, "the summary does not fit") }
    return entries
}

@Suite struct DumpTests {
    @Test func theFormatIsAsItIsDocumented() throws {
        let lease = try EntryLease(
            token: #require(Token(rawValue: 9)),
            expiresAt: WallInstant(milliseconds: 1_700_000_000_000),
            fence: Token(rawValue: 8),
            ttl: TTL(.seconds(30)),
            uid: 0,
            owner: Label("me")
        )
        let entries = try [
            StoreEntry(key: Key("a"), value: [], children: [Key("x"), Key("y")]),
            StoreEntry(key: Key("b"), lease: lease),
        ]
        let lines = String(decoding: dump(entries), as: UTF8.self).split(separator: "\n")
        let checksum = XXH64.hash(Array((lines.dropLast().joined(separator: "\n") + "\n").utf8))
        let digits = String(checksum, radix: 16)
        #expect(
            lines
                == [
                    #"{"format":"leased-dump","version":1}"#,
                    #"{"key":"YQ==","value":"","children":["eA==","eQ=="]}"#,
                    #"{"key":"Yg==","lease":{"token":9,"expires_at_ms":1700000000000,"fence":8,"ttl_ms":30000,"uid":0,"owner":"bWU="}}"#,
                    #"{"entries":2,"checksum":"xxh64:\#(String(repeating: "0", count: 16 - digits.count))\#(digits)"}"#,
                ].map { Substring($0) }
        )
    }

    @Test func anyBytesComeBackHoweverTheyArrive() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var maker = EntryMaker(random: SeededGenerator(seed: seed))
        for _ in 0..<50 {
            let entries = try (0..<Int.random(in: 0...8, using: &maker.random)).map { _ in try maker.entry() }
            let bytes = dump(entries)
            #expect(try read(bytes) == entries, "seed \(seed)")
            for size in [1, 7, 100] { #expect(try read(bytes, pieces: size) == entries, "seed \(seed)") }
        }
    }

    @Test func everyLineIsJSON() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var maker = EntryMaker(random: SeededGenerator(seed: seed))
        let entries = try (0..<50).map { _ in try maker.entry() }
        let lines = dump(entries).split(separator: UInt8(ascii: "\n"))
        for (line, entry) in zip(lines.dropFirst(), entries) {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            let key = try #require(object["key"] as? String)
            #expect(Data(base64Encoded: key) == Data(entry.key.bytes), "seed \(seed)")
            #expect((object["value"] as? String).flatMap { Data(base64Encoded: $0) } == entry.value.map { Data($0) })
        }
        for line in [lines.first, lines.last] {
            #expect(try JSONSerialization.jsonObject(with: Data(try #require(line))) is [String: Any])
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var maker = EntryMaker(random: SeededGenerator(seed: seed))
        let bytes = dump(try (0..<4).map { _ in try maker.entry() })
        for length in 0..<bytes.count {
            let failure = #expect(throws: Failure.self, "\(length) bytes, seed \(seed)") {
                try read(Array(bytes.prefix(length)))
            }
            #expect(failure?.status == 65)
        }
    }

    @Test func everyAlteredByteIsRefused() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var maker = EntryMaker(random: SeededGenerator(seed: seed))
        let bytes = dump(try (0..<3).map { _ in try maker.entry() })
        for index in bytes.indices {
            for bit in 0..<8 {
                var altered = bytes
                altered[index] ^= 1 << UInt8(bit)
                let failure = #expect(throws: Failure.self, "bit \(bit) of byte \(index), seed \(seed)") {
                    try read(altered)
                }
                #expect(failure?.status == 65)
            }
        }
    }

    @Test func linesThatAreLeftOutOrRepeatedOrExchangedAreRefused() throws {
        let bytes = dump(try ["a", "b", "c"].map { StoreEntry(key: try Key($0)) })
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
        for index in lines.indices {
            var fewer = lines
            fewer.remove(at: index)
            #expect(throws: Failure.self) { try read(fewer.flatMap(\.self)) }
            #expect(throws: Failure.self) { try read((lines[...index] + lines[index...]).flatMap(\.self)) }
            guard index > 0 else { continue }
            var exchanged = lines
            exchanged.swapAt(index, index - 1)
            #expect(throws: Failure.self) { try read(exchanged.flatMap(\.self)) }
        }
        #expect(throws: Failure.self) { try read(bytes + bytes) }
        #expect(throws: Failure.self) { try read(bytes + [UInt8(ascii: "\n")]) }
    }

    @Test func anotherVersionIsNamed() {
        let failure = #expect(throws: Failure.self) {
            try read(Array(#"{"format":"leased-dump","version":2}"#.utf8) + [UInt8(ascii: "\n")])
        }
        #expect(failure?.message.contains("another version than 1") == true)
    }

    @Test func aLineWithoutEndIsNotKept() throws {
        var reader = DumpReader()
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        #expect(throws: Failure.self) {
            for _ in 0...DumpFormat.longestLine >> 20 { _ = try reader.feed(piece) }
        }
    }

    @Test func theSummaryCountsLeases() throws {
        let lease = EntryLease(token: .min, expiresAt: WallInstant(milliseconds: 0))
        var reader = DumpReader()
        _ = try reader.feed(dump([StoreEntry(key: try Key("a")), StoreEntry(key: try Key("b"), lease: lease)]))
        let summary = try reader.finish()
        #expect(summary.entries == 2 && summary.leases == 1)
    }

    @Test(arguments: [
        "", "{}", #"{"key":""}"#, #"{"key":"YQ"}"#, #"{"key":"YR=="}"#, #"{"key": "YQ=="}"#, #"{"key":"YQ=="} "#,
        #"{"key":"YQ==","children":[]}"#, #"{"key":"YQ==","children":["eA==",]}"#, #"{"key":"YQ==","value":null}"#,
        #"{"key":"YQ==","children":["eA=="],"value":""}"#, #"{"key":"YQ==","lease":{}}"#,
        #"{"key":"YQ==","lease":{"token":0,"expires_at_ms":1}}"#,
        #"{"key":"YQ==","lease":{"token":1,"expires_at_ms":}}"#,
        #"{"key":"YQ==","lease":{"token":1,"expires_at_ms":1,"ttl_ms":1}}"#,
        #"{"key":"YQ==","lease":{"token":1,"expires_at_ms":1,"uid":4294967296}}"#,
        #"{"key":"YQ==","lease":{"token":1,"expires_at_ms":1,"owner":"/w=="}}"#,
    ])
    func whatIsNoEntryIsNotRead(line: String) {
        var scanner = DumpScanner(Array(line.utf8))
        #expect(scanner.entry() == nil)
    }
}

@Suite struct Base64Tests {
    @Test func bytesComeBack() {
        var random = SeededGenerator(seed: 7)
        for length in 0..<70 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.bytes(Base64.digits(bytes)[...]) == bytes)
            #expect(Base64.digits(bytes) == Array(Data(bytes).base64EncodedString().utf8))
        }
    }

    @Test(arguments: ["A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "====", "AA==AAAA", "A-==", "AA= ", "AAA\n"])
    func whatIsNotBase64IsNotRead(text: String) {
        #expect(Base64.bytes(Array(text.utf8)[...]) == nil)
    }
}

@Suite struct HexadecimalTests {
    @Test func everyByteComesBack() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Hexadecimal.bytes(Hexadecimal.text(bytes).utf8) == bytes)
        #expect(Hexadecimal.bytes(Hexadecimal.text(bytes).uppercased().utf8) == bytes)
        #expect(Hexadecimal.text([0, 0x0F, 0xA0]) == "000fa0")
    }

    @Test func blanksStandBetweenPairsOnly() {
        #expect(Hexadecimal.bytes("00 ff\n".utf8) == [0, 255])
        for text in ["0", "0 0", "0g", "000", "0x00"] { #expect(Hexadecimal.bytes(text.utf8) == nil) }
    }
}
