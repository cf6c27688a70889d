import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

@Suite struct LeaseStoreValuesTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let keys: [Key]

    init() throws {
        folder = try StoreFolder()
        keys = try (0..<8).map { try Key("key \($0)") }
    }

    private func open() async throws -> LeaseStore {
        var configuration = LeaseStore.Configuration()
        configuration.clock = clock
        return try await LeaseStore.open(path: folder.store, configuration: configuration)
    }

    private func code(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "done"
        } catch {
            switch error {
            case let error as StoreError: return "store \(error.code)"
            case let error as LeaseError: return "lease \(error.code)"
            default: return "\(error)"
            }
        }
    }

    @Test func whatACallSaysEveryLaterCallSees() async throws {
        let store = try await open()
        let (key, child) = (keys[0], keys[1])
        #expect(try await store.get(key) == nil)
        try await store.put([], for: key)
        #expect(try await store.get(key) == [])
        try await store.append(child, to: key)
        try await store.append(keys[2], to: key)
        #expect(await code { try await store.append(child, to: key) } == "lease exists")
        #expect(try await store.children(of: key) == [child, keys[2]])
        #expect(try await store.children(of: key, after: child, count: 1) == [keys[2]])
        #expect(try await store.contains(child, under: key))
        let token = try await store.acquire(LeaseName(key), ttl: .max)
        #expect(try await store.listKeys().map(\.kinds) == [[.simple, .prefix, .lease]])
        #expect(try await store.rangeKeys(0, 0) == [key])
        #expect(try await store.tracker(of: key)?.hash == KeyHash.xxh64.function(key.bytes))
        #expect(try await store.tracker(of: child) == nil)
        #expect(try await store.removeChild(child, from: key))
        #expect(try await !store.contains(child, under: key))
        #expect(try await store.delete(key))
        #expect(try await !store.delete(key))
        let entry = try #require(try await store.export([key]).first)
        #expect(entry.value == nil && entry.children == [keys[2]] && entry.lease?.token == token)
        #expect(try await store.removeKeys([key, child]) == 1)
        #expect(try await store.listKeys().isEmpty)
        try await store.import([entry])
        #expect(try await store.export([key]) == [entry])
        try await store.close()
        #expect(await code { _ = try await store.get(key) } == "store closed")
        #expect(await code { _ = try await store.listKeys() } == "store closed")
        #expect(await code { try await store.put([], for: key) } == "store closed")
        let again = try await open()
        #expect(try await again.listKeys(prefix: Array("key".utf8)).map(\.key) == [key])
        try await again.close()
    }

    @Test func aGuardedWriteOfAFormerHolderIsRefused() async throws {
        let store = try await open()
        let name = try LeaseName("writer")
        let first = LeaseGuard(lease: name, token: try await store.acquire(name, ttl: .min))
        try await store.put([1], for: keys[0], if: first)
        clock.advance(by: .seconds(1))
        let second = LeaseGuard(lease: name, token: try await store.acquire(name, ttl: .min))
        #expect(await code { try await store.put([2], for: keys[0], if: first) } == "lease expired")
        #expect(await code { _ = try await store.removeKeys(keys, if: first) } == "lease expired")
        #expect(try await store.get(keys[0]) == [1])
        try await store.put([3], for: keys[0], if: second)
        #expect(try await store.get(keys[0]) == [3])
        try await store.close()
    }

    @Test func fiftyTasksOnEightKeysLeaveNoTrackerBehind() async throws {
        let store = try await open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<50 {
                group.addTask { [keys] in
                    var generator = SeededGenerator(seed: UInt64(task))
                    for key in keys.shuffled(using: &generator) {
                        try await Self.use(key, of: store, as: task, &generator)
                    }
                }
            }
            try await group.waitForAll()
        }
        // Leases that were acquired and not released end by themselves.
        clock.advance(by: TTL.min.duration)
        for key in keys {
            #expect(try await store.tracker(of: key) == nil)
        }
        #expect(try await store.listKeys().isEmpty)
        #expect(try await store.rangeKeys(0, 0).isEmpty)
        try await store.close()
    }

    private static func use(
        _ key: Key,
        of store: LeaseStore,
        as task: Int,
        _ generator: inout SeededGenerator
    ) async throws {
        let child = try Key("child \(task)")
        for action in Array(0..<5).shuffled(using: &generator) {
            switch action {
            case 0: try await store.put([UInt8(task)], for: key)
            case 1: try await store.append(child, to: key)
            case 2:
                // A caller that comes too late for the lease continues without it.
                let token = try? await store.acquire(LeaseName(key), ttl: .min)
                if let token, generator.oneIn(2) { try await store.release(LeaseName(key), token: token) }
            case 3: _ = try await store.export([key])
            default: try await store.update { try $0.put($0.get(key) ?? [0], for: key) }
            }
        }
        #expect(try await store.contains(child, under: key))
        #expect(try await store.removeChild(child, from: key))
        try await store.delete(key)
    }
}
