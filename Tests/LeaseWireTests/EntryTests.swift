import LeaseCore
import NIOCore
import TestSupport
import Testing

@testable import LeaseWire

/// Entries as words: parsed strictly, and written so that they parse to the same entry.
@Suite struct EntryTests {
    private func imported(_ words: [[UInt8]]) throws -> [StoreEntry] {
        let frame = RESPFrame(arguments: ([Array("IMPORT".utf8)] + words).map { .bytes(ByteBuffer(bytes: $0)) })
        guard case .store(.importEntries(let entries)) = try Command.parse(frame) else {
            Issue.record("IMPORT is read as another command")
            return []
        }
        return entries
    }

    private func refusal(_ line: String) throws -> LeaseError? {
        let frame = try #require(Parsed(whole: Array("IMPORT \(line)\n".utf8)).frames.first)
        do throws(LeaseError) {
            _ = try Command.parse(frame)
            return nil
        } catch {
            return error
        }
    }

    @Test func readsEveryPart() throws {
        let token = try #require(Token(rawValue: 9))
        let words = """
            key a Simple v child x CHILD y lease 9 1700000000123 fence 3 ttl 1000 uid 4294967295 owner me KEY b KEY KEY \
            LEASE 9 0 CHILD x
            """
        let entries = try imported(words.split(separator: " ").map { Array($0.utf8) })
        var first = try StoreEntry(key: Key("a"), value: [0x76], children: [Key("x"), Key("y")])
        first.lease = try EntryLease(
            token: token,
            expiresAt: WallInstant(milliseconds: 1_700_000_000_123),
            fence: Token(rawValue: 3),
            ttl: .min,
            uid: .max,
            owner: Label("me")
        )
        var third = try StoreEntry(key: Key("KEY"), children: [Key("x")])
        third.lease = EntryLease(token: token, expiresAt: WallInstant(milliseconds: 0))
        #expect(try entries == [first, StoreEntry(key: Key("b")), third])
    }

    @Test func valuesThatLookLikeKeywordsAreValues() throws {
        let entries = try imported(["KEY", "KEY", "SIMPLE", "CHILD", "CHILD", "LEASE"].map { Array($0.utf8) })
        #expect(
            try entries == [StoreEntry(key: Key("KEY"), value: Array("CHILD".utf8), children: [Key("LEASE")])]
        )
    }

    static let misfits: [(line: String, message: String)] = [
        ("a b", "in entry 1, word 1: 'a' is not KEY, with which an entry begins"),
        ("SIMPLE v KEY a", "in entry 1, word 1: 'SIMPLE' is not KEY, with which an entry begins"),
        ("KEY a KEY", "in entry 2, word 3: 'KEY' wants a value behind it"),
        ("KEY a SIMPLE v SIMPLE v", "in entry 1, word 5: 'SIMPLE' came twice"),
        ("KEY a CHILD", "in entry 1, word 3: 'CHILD' wants a value behind it"),
        ("KEY a v", "in entry 1, word 3: 'v' is no keyword here"),
        ("KEY a LEASE 1", "in entry 1, word 3: 'LEASE' wants 2 values behind it"),
        ("KEY a LEASE 1 2 LEASE 1 2", "in entry 1, word 6: 'LEASE' came twice"),
        ("KEY a LEASE 1 2 FENCE", "in entry 1, word 6: 'FENCE' wants a value behind it"),
        ("KEY a LEASE 1 2 UID 3 UID 3", "in entry 1, word 8: 'UID' came twice"),
        ("KEY a LEASE 1 2 CHILD c FENCE 1", "in entry 1, word 8: 'FENCE' is no keyword here"),
        ("KEY a FENCE 1", "in entry 1, word 3: 'FENCE' is no keyword here"),
        ("KEY a LEASE 5 2 FENCE 6", "in entry 1, behind word 6: the fence 6 is above its token 5"),
        (
            "KEY a KEY b LEASE 4503599627370497 2",
            "in entry 2: the token 4503599627370497 is above 4503599627370496, the most that is imported"
        ),
        (
            "KEY a LEASE 1 -2",
            "in entry 1, behind word 3: '-2' is not an instant; write milliseconds since 1970"
        ),
        (
            "KEY a LEASE 1 2 TTL 30s",
            "in entry 1, behind word 6: '30s' is not a TTL here; write milliseconds from 1000 to 31622400000"
        ),
        (
            "KEY a LEASE 1 2 UID 4294967296",
            "in entry 1, behind word 6: '4294967296' is not a user's number; it is from 0 to 4294967295"
        ),
        ("KEY \"\"", "in entry 1, behind word 1: a key has at least one byte, and this one is empty; name one"),
    ]

    @Test(arguments: misfits) func aMisfitIsExplained(line: String, message: String) throws {
        #expect(try refusal(line) == LeaseError(.invalidRequest, message))
    }

    @Test(arguments: [
        "TTL 999", "TTL 31622400001", "TTL ''", "FENCE 0", "UID -1", "OWNER \"\\x00\"", "OWNER \"\\xff\"",
    ])
    func aValueOfALeaseIsChecked(option: String) throws {
        #expect(try refusal("KEY a LEASE 1 2 \(option)")?.code == .invalidRequest)
    }

    @Test func theHighestTokenIsImported() throws {
        #expect(try refusal("KEY a LEASE 4503599627370496 9223372036854775807") == nil)
        #expect(try refusal("KEY a LEASE 4503599627370496 9223372036854775808")?.code == .invalidRequest)
    }

    @Test func anOwnerOverItsLimitIsTooBig() throws {
        #expect(try refusal("KEY a LEASE 1 2 OWNER \(String(repeating: "o", count: 257))")?.code == .tooBig)
    }

    // MARK: - There and back

    private func random(using generator: inout SeededGenerator) throws -> StoreEntry {
        func bytes(_ lengths: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: lengths, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
        }
        var entry = try StoreEntry(key: Key(bytes(1...20)))
        if Bool.random(using: &generator) { entry.value = bytes(0...40) }
        for _ in 0..<Int.random(in: 0...3, using: &generator) { entry.children.append(try Key(bytes(1...9))) }
        guard Bool.random(using: &generator) else { return entry }
        let token = try #require(Token(rawValue: .random(in: 1...(1 << 52), using: &generator)))
        let expiry = Int64.random(in: 0...(1 << 43), using: &generator)
        var lease = EntryLease(token: token, expiresAt: WallInstant(milliseconds: expiry))
        if Bool.random(using: &generator) {
            lease.fence = Token(rawValue: .random(in: 1...token.rawValue, using: &generator))
        }
        if Bool.random(using: &generator) {
            lease.ttl = try TTL(.milliseconds(.random(in: 1000...31_622_400_000, using: &generator)))
        }
        if Bool.random(using: &generator) { lease.uid = .random(in: 0 ... .max, using: &generator) }
        if Bool.random(using: &generator) { lease.owner = Label(sanitizing: bytes(0...30)) }
        entry.lease = lease
        return entry
    }

    @Test(arguments: Seeds.all(count: 4)) func whatIsExportedIsImportedAsTheSame(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let entries = try (0...Int.random(in: 0...3, using: &generator)).map { _ in try random(using: &generator) }
            #expect(try imported(entries.flatMap(\.words)) == entries, "seed \(seed)")
            for entry in entries {
                #expect(entry.words.count == entry.wordCount, "seed \(seed)")
                for version in RESPVersion.allCases {
                    var buffer = ByteBuffer()
                    RESPEncoder(version: version).writeEntry(entry, to: &buffer)
                    #expect(buffer.readableBytes <= entry.encodedLength + 26, "seed \(seed)")
                    let reply = try #require(
                        RoundTripTests.Replies([buffer.readableBytesView[...].asBytes]).values.first
                    )
                    #expect(StoreEntry(reply) == entry, "seed \(seed)")
                }
            }
        }
    }

    @Test func anExportedTokenMayBeAboveWhatIsImported() throws {
        let lease = EntryLease(token: .max, expiresAt: WallInstant(milliseconds: 1))
        let entry = try StoreEntry(key: Key("a"), lease: lease)
        #expect(StoreEntry(.array(entry.words.map { .bulk($0) })) == entry)
        #expect(throws: LeaseError.self) { try imported(entry.words) }
    }

    @Test(arguments: [
        [], ["KEY"], ["KEY", "a", "KEY", "b"], ["KEY", "a", "KEY", ""], ["x", "a"], ["KEY", ""],
        ["KEY", "a", "SIMPLE"],
    ])
    func whatIsNotOneEntryIsNotRead(words: [String]) {
        #expect(StoreEntry(.array(words.map { .text($0) })) == nil)
        #expect(StoreEntry(.null) == nil)
        #expect(StoreEntry(.array([.text("KEY"), .integer(1)])) == nil)
    }
}

extension ByteBufferView {
    fileprivate var asBytes: ArraySlice<UInt8> { Array(self)[...] }
}
