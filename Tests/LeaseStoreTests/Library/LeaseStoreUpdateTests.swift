import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct LeaseStoreUpdateTests {
    private struct Change: Error {}

    private let folder: StoreFolder
    private let clock = ManualClock()
    private let (key, child, name): (Key, Key, LeaseName)

    init() throws {
        folder = try StoreFolder()
        (key, child, name) = (try Key("key"), try Key("child"), try LeaseName("job"))
    }

    private func open() async throws -> LeaseStore {
        var configuration = LeaseStore.Configuration()
        configuration.clock = clock
        return try await LeaseStore.open(path: folder.store, configuration: configuration)
    }

    @Test func updatesOfManyTasksLoseNothing() async throws {
        let store = try await open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { [key] in
                    try await store.update { transaction in
                        let count = try transaction.get(key).map { $0[0] } ?? 0
                        try transaction.put([count + 1], for: key)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.get(key) == [50])
        try await store.close()
    }

    @Test func anUpdateSeesWhatItHasWritten() async throws {
        let store = try await open()
        try await store.put([1], for: child)
        let token = try await store.update { [key, child, name] transaction in
            try transaction.put([2], for: key)
            try transaction.append(child, to: key)
            try transaction.append(key, to: key)
            let token = try transaction.acquire(name, ttl: .max)
            #expect(try transaction.get(key) == [2])
            #expect(try transaction.children(of: key) == [child, key])
            #expect(try transaction.contains(child, under: key))
            #expect(try transaction.tenure(of: name)?.token == token)
            #expect(try transaction.delete(child))
            #expect(try transaction.removeChild(key, from: key))
            let renewed = try transaction.renew(name, token: token, ttl: .min)
            #expect(try transaction.check(name, token: renewed) == .seconds(1))
            return renewed
        }
        #expect(try await store.get(key) == [2])
        #expect(try await store.get(child) == nil)
        #expect(try await store.children(of: key) == [child])
        #expect(try await store.check(name, token: token) == .seconds(1))
        try await store.close()
    }

    /// Alone in its turn, or between two calls that write in the same transaction.
    @Test(arguments: [false, true]) func anUpdateThatThrowsLeavesNothing(isBetweenOthers: Bool) async throws {
        let store = try await open()
        let ended = try LeaseName("ended")
        _ = try await store.acquire(ended, ttl: .min)
        let last = try await store.issueToken()
        try await store.put([1], for: key)
        clock.advance(by: .seconds(1))
        let body: @Sendable (inout StoreTransaction) throws -> Void = { [key, child, name] transaction in
            try transaction.put([2], for: key)
            try transaction.append(child, to: key)
            _ = try transaction.acquire(name, ttl: .max)
            #expect(try transaction.tenure(of: ended) == nil)
            _ = try transaction.acquire(ended, ttl: .max)
            throw Change()
        }
        let (before, after) = (try Key("before"), try Key("after"))
        let update = await store.updateTogether(isBetweenOthers ? (before, after) : nil, body)
        await #expect(throws: Change.self) { try await update.value }
        #expect(try await store.get(key) == [1])
        #expect(try await store.children(of: key).isEmpty)
        #expect(try await store.tenure(of: name) == nil)
        let others = isBetweenOthers ? [after, before] : []
        #expect(try await store.listKeys().map(\.key) == others + [key])
        // A tenure that was found past its end has still ended.
        let copy = try StoreFolder()
        try copy.write(folder.image())
        let found = try LedgerState(openingIn: copy, clock: clock)
        #expect(found.leases.isEmpty)
        #expect(found.lastToken == last)
        try await store.close()
    }

    @Test func aRefusalThatTheBodyCatchesEndsNothing() async throws {
        let store = try await open()
        try await store.append(child, to: key)
        try await store.update { [key, child] transaction in
            try transaction.put([1], for: key)
            do throws(LeaseError) {
                try transaction.append(child, to: key)
            } catch {
                #expect(error.code == .exists)
            }
        }
        #expect(try await store.get(key) == [1])
        try await store.close()
    }
}

extension LeaseStore {
    /// An update that is certain to meet two puts in one turn; both have been answered when this returns.
    fileprivate func updateTogether(
        _ keys: (before: Key, after: Key)?,
        _ body: @escaping @Sendable (inout StoreTransaction) throws -> Void
    ) async -> Task<Void, any Error> {
        let before = Task { if let keys { try await self.put([], for: keys.before) } }
        let update = Task { try await self.update(body) }
        let after = Task { if let keys { try await self.put([], for: keys.after) } }
        _ = await (before.result, after.result)
        return update
    }
}
