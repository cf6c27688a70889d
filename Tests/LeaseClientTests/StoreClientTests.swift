import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

@Suite(.timeLimit(.minutes(5))) struct StoreClientTests {
    let key: Key
    let condition: LeaseGuard

    init() throws {
        key = try Key([0, 255, 13, 10])
        condition = try LeaseGuard(lease: LeaseName("backup"), token: token(7))
    }

    @Test func valuesGoThereAndBack() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let put: Void = client.put(key, [], if: condition)
        let written = await daemon.next("PUT")
        #expect(written.words.dropFirst() == [key.bytes, [], Array("IF".utf8), Array("backup".utf8), [0x37]])
        written.reply(.simpleString("OK"))
        try await put
        for (reply, value) in [(RESPValue.null, nil), (.bulk([]), []), (.bulk([0, 10]), [0, 10])]
            as [(RESPValue, [UInt8]?)]
        {
            async let got = client.get(key)
            await daemon.next("GET").reply(reply)
            #expect(try await got == value)
        }
        async let deleted = client.delete(key)
        await daemon.next("DELETE").reply(.integer(0))
        #expect(try await !deleted)
    }

    @Test func refusalsKeepTheirNames() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let put = Task { try await client.put(key, [1], if: condition) }
        await daemon.next("PUT").reply(.error("EXPIRED it is over"))
        #expect(await #expect(throws: LeaseClientError.self) { try await put.value }?.code == .expired)
        let append = Task { try await client.append(key, to: key) }
        await daemon.next("PREFIX").reply(.error("EXISTS it is there"))
        #expect(await #expect(throws: LeaseClientError.self) { try await append.value }?.code == .exists)
        let remove = Task { try await client.removeKeys([key]) }
        await daemon.next("KEYS").reply(.error("DENIED a lease"))
        #expect(await #expect(throws: LeaseClientError.self) { try await remove.value }?.code == .denied)
    }

    @Test func anAnswerOfAnotherKindIsNone() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let get = Task { try await client.get(key) }
        await daemon.next("GET").reply(.integer(1))
        #expect(await #expect(throws: LeaseClientError.self) { try await get.value }?.code == .protocolViolation)
        let keys = Task { try await client.keys() }
        await daemon.next("KEYS").reply(.array([.array([])]))
        #expect(await #expect(throws: LeaseClientError.self) { try await keys.value }?.code == .protocolViolation)
    }

    @Test func noWriteIsSentTwice() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let writes: [@Sendable () async throws -> Void] = [
            { try await client.put(key, [1]) }, { try await client.delete(key) },
            { try await client.append(key, to: key) }, { try await client.removeChild(key, from: key) },
            { try await client.removeKeys([key]) }, { try await client.import([StoreEntry(key: key, value: [1])]) },
        ]
        for (write, word) in zip(writes, ["PUT", "DELETE", "PREFIX", "PREFIX", "KEYS", "IMPORT"]) {
            let call = Task { try await write() }
            await daemon.next(word).hangUp()
            #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .connectionClosed)
            // The next command to arrive is a different one.
            async let ping: Void = client.ping()
            await daemon.next("PING").reply(.simpleString("PONG"))
            try await ping
        }
    }

    @Test func readsAreAskedForAgain() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let children = client.children(of: key)
        await daemon.next("PREFIX").hangUp(after: "*1\r\n$1")
        await daemon.next("PREFIX").reply(.array([.bulk([1]), .bulk([2])]))
        #expect(try await children == [Key([1]), Key([2])])
        async let tracker = client.tracker(of: key)
        await daemon.next("KEYS").hangUp()
        await daemon.next("KEYS").reply(
            .fields([("hash", .text("\(UInt64.max)")), ("kinds", .array([.text("lease")]))])
        )
        #expect(try await tracker == KeyTracker(hash: .max, kinds: [.lease]))
        async let entries = client.export([key])
        await daemon.next("EXPORT").hangUp()
        await daemon.next("EXPORT").reply(.array([.array([.text("KEY"), .bulk(key.bytes)])]))
        #expect(try await entries == [StoreEntry(key: key)])
    }

    @Test func aRangeIsReadWithKindsAndWithout() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let keys = client.keysInRange(low: 0, high: .max, after: Key("a"), count: 2)
        let asked = await daemon.next("KEYS")
        #expect(asked.text.dropFirst() == ["RANGE", "0", "\(UInt64.max)", "AFTER", "a", "COUNT", "2"])
        asked.reply(.array([.text("b"), .array([.text("c"), .text("simple")])]))
        #expect(try await keys == [Key("b"), Key("c")])
    }

    @Test func nothingIsAskedAboutNoKeys() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        #expect(try await client.export([]).isEmpty)
        #expect(try await client.removeKeys([]) == 0)
        try await client.import([])
    }

    @Test func whatNoFrameHoldsIsNotSent() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        let large = [UInt8](repeating: 0, count: 8 << 20)
        let error = await #expect(throws: LeaseClientError.self) { try await client.put(key, large) }
        #expect(error?.code == .tooBig)
        let many = Array(repeating: key, count: 65_535)
        #expect(await #expect(throws: LeaseClientError.self) { try await client.removeKeys(many) }?.code == .tooBig)
    }
}

@Suite(.timeLimit(.minutes(5))) struct PagedListTests {
    private func keys(_ names: String...) -> RESPValue {
        .array(names.map { .array([.text($0), .text("simple")]) })
    }

    @Test func pagesFollowEachOther() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let list = Task {
            var names: [String] = []
            for try await listed in client.allKeys(prefix: [0x70], pageSize: 2) { names.append(listed.key.description) }
            return names
        }
        let first = await daemon.next("KEYS")
        #expect(first.text == ["KEYS", "LIST", "PREFIX", "p", "COUNT", "2"])
        first.reply(keys("p1", "p2"))
        let second = await daemon.next("KEYS")
        #expect(second.text == ["KEYS", "LIST", "PREFIX", "p", "AFTER", "p2", "COUNT", "2"])
        second.reply(keys("p4", "p5"))
        let third = await daemon.next("KEYS")
        #expect(third.text.suffix(4) == ["AFTER", "p5", "COUNT", "2"])
        third.reply(keys())
        #expect(try await list.value == ["p1", "p2", "p4", "p5"])
    }

    @Test func aShortPageIsTheLast() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let list = Task {
            try await client.allChildren(of: Key("a"), pageSize: 2).reduce(into: []) { $0.append($1.description) }
        }
        await daemon.next("PREFIX").reply(.array([.text("x")]))
        #expect(try await list.value == ["x"])
    }

    @Test func aRefusalEndsTheLoop() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let list = Task {
            try await client.allKeysInRange(low: 0, high: 0, pageSize: 1).reduce(0) { sum, _ in sum + 1 }
        }
        await daemon.next("KEYS").reply(keys("a"))
        await daemon.next("KEYS").reply(.error("BUSY later"))
        #expect(await #expect(throws: LeaseClientError.self) { try await list.value }?.code == .busy)
    }

    /// A caller that continues after an error misses nothing.
    @Test func whatCouldNotBeHadIsAskedForAgain() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let first = Task {
            var entries = client.entries().makeAsyncIterator()
            await #expect(throws: LeaseClientError.self) { try await entries.next() }
            return try await entries.next()
        }
        await daemon.next("KEYS").reply(keys("a"))
        await daemon.next("EXPORT").reply(.error("BUSY later"))
        await daemon.next("EXPORT").reply(.array([.array([.text("KEY"), .text("a")])]))
        #expect(try await first.value?.key == Key("a"))
    }

    @Test func whatIsTooMuchForOneAnswerComesInPieces() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let list = Task { try await client.entries().reduce(into: []) { $0.append($1) } }
        await daemon.next("KEYS").reply(keys("a", "b"))
        await daemon.next("EXPORT").reply(.error("TOOBIG page it"))
        let left = await daemon.next("EXPORT")
        #expect(left.text == ["EXPORT", "a"])
        left.reply(.error("TOOBIG page it"))
        await daemon.next("GET").reply(.text("v"))
        await daemon.next("HOLDER").reply(try status("a", token: token(9), fence: token(8)))
        let names = (0..<256).map { "c\($0)" }
        await daemon.next("PREFIX").reply(.array(names.map { .text($0) }))
        let rest = await daemon.next("PREFIX")
        #expect(rest.text.contains("c255"))
        rest.reply(.array([.text("d")]))
        let right = await daemon.next("EXPORT")
        #expect(right.text == ["EXPORT", "b"])
        right.reply(.array([.array([.text("KEY"), .text("b")])]))

        let entries = try await list.value
        #expect(try entries.map(\.key) == ["a", "a", "a", "b"].map { try Key($0) })
        #expect(entries[0].value == [0x76])
        #expect(try entries[0].lease?.fence == token(8))
        #expect(try entries[0].lease?.token == token(9))
        #expect(entries[1].children.count == 256)
        #expect(try entries[2].children == [Key("d")])
    }
}

@Suite struct ImportBatchTests {
    @Test func theFirstEntryAlwaysFits() throws {
        let large = StoreEntry(key: try Key("a"), value: [UInt8](repeating: 0, count: 2 << 20))
        var batch = ImportBatch(large)
        #expect(batch.entries.count == 1)
        #expect(!batch.append(StoreEntry(key: try Key("b"))))
        #expect(batch.entries.count == 1)
    }

    @Test func aBatchIsBoundedInEntriesAndBytesAndWords() throws {
        let key = try Key("a")
        for (entry, bound) in [
            (StoreEntry(key: key), ImportBatch.maximumCount),
            (StoreEntry(key: key, value: [UInt8](repeating: 0, count: 10_000)), ImportBatch.maximumLength / 10_000),
            (StoreEntry(key: key, children: Array(repeating: key, count: 1000)), 17),
        ] {
            var batch = ImportBatch()
            while batch.append(entry) {}
            #expect(batch.entries.count <= bound)
            #expect(batch.entries.count > bound / 2)
        }
    }

    @Test func whatACommandTakesStaysWhole() throws {
        let key = try Key("a")
        // IMPORT and KEY a take three of the 65,536 words, and each child takes two.
        let most = StoreEntry(key: key, children: Array(repeating: key, count: 32_766))
        #expect(ImportBatch.pieces(of: most) == [most])
        #expect(OutgoingCommand.importing([most]).fitsFrame)
        let tooMany = StoreEntry(key: key, children: Array(repeating: key, count: 32_767))
        #expect(!OutgoingCommand.importing([tooMany]).fitsFrame)
        #expect(ImportBatch.pieces(of: tooMany).count > 1)
        let empty = StoreEntry(key: key)
        #expect(ImportBatch.pieces(of: empty) == [empty])
    }

    @Test(arguments: [1, 1000]) func anEntryOfManyChildrenIsCut(childLength: Int) throws {
        let lease = try EntryLease(token: token(7), expiresAt: WallInstant(milliseconds: 1))
        let count = childLength == 1 ? 100_000 : 9000
        let children = try (0..<count).map { number in
            try Key(Array("\(number)/".utf8) + [UInt8](repeating: 0x63, count: childLength))
        }
        let entry = StoreEntry(
            key: try Key("a"),
            value: [UInt8](repeating: 0, count: 1 << 20),
            children: children,
            lease: lease
        )
        let pieces = ImportBatch.pieces(of: entry)
        #expect(pieces.count > 2)
        #expect(pieces.allSatisfy { $0.key == entry.key && OutgoingCommand.importing([$0]).fitsFrame })
        #expect(pieces[0].value == entry.value && pieces[0].lease == lease)
        #expect(pieces.dropFirst().allSatisfy { $0.value == nil && $0.lease == nil && !$0.children.isEmpty })
        #expect(pieces.flatMap(\.children) == entry.children)
    }
}
