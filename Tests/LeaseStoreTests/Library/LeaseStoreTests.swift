import Dispatch
import GRDB
import LeaseCore
import Synchronization
import TestSupport
import Testing

@testable import LeaseStore

@Suite struct LeaseStoreTests {
    private let folder: StoreFolder
    private let copy: StoreFolder
    private let clock = ManualClock()

    init() throws {
        folder = try StoreFolder()
        copy = try StoreFolder()
    }

    private func open() async throws -> LeaseStore {
        var configuration = LeaseStore.Configuration()
        configuration.clock = clock
        return try await LeaseStore.open(path: folder.store, configuration: configuration)
    }

    private func names(_ count: Int) throws -> [LeaseName] {
        try (0..<count).map { try LeaseName("job \($0)") }
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

    // MARK: - Time

    @Test func whatHasEndedByTimeHoldsNoRoom() async throws {
        var configuration = LeaseStore.Configuration()
        configuration.clock = clock
        configuration.maximumLeases = 3
        let store = try await LeaseStore.open(path: folder.store, configuration: configuration)
        for number in 0..<3 {
            _ = try await store.acquire(LeaseName("held \(number)"), ttl: TTL(.seconds(30)))
        }
        #expect(await code { _ = try await store.acquire(LeaseName("one more"), ttl: .min) } == "lease busy")
        clock.advance(by: .seconds(30))
        let end = clock.now().wall.advanced(by: .seconds(1))
        let entry = StoreEntry(key: try Key("brought in"), lease: EntryLease(token: .min, expiresAt: end))
        try await store.import([entry])
        for number in 0..<20 {
            _ = try await store.acquire(LeaseName("job \(number)"), ttl: .min)
            clock.advance(by: .seconds(2))
        }
        #expect(await store.countOfLeases == 1, "what is over is not kept in memory")
        try await store.close()
    }

    // MARK: - Reads

    @Test func aReadWaitsForTheLogToBeCarriedOverOnceItIsOverlong() async throws {
        var configuration = LeaseStore.Configuration()
        configuration.walFrames = 10
        let store = try await LeaseStore.open(path: folder.store, configuration: configuration)
        let key = try Key("key")
        let (began, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        await store.beginRead(of: key) {
            began.signal()
            goOn.wait()
        }
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "wait").async {
                began.wait()
                continuation.resume()
            }
        }
        for number in 0..<60 {
            try await store.put([UInt8(number)], for: key)
        }
        #expect(await store.isWALOverlong, "no checkpoint passes a reader")
        let value = Task { try await store.get(key) }
        while await store.heldReads.isEmpty { await Task.yield() }
        goOn.signal()
        #expect(try await value.value == [59])
        // The reader's snapshot ends just after its answer; a later read tries again.
        while await store.isWALOverlong { _ = try await store.get(key) }
        try await store.close()
    }

    // MARK: - One caller

    @Test func aLeaseIsHeldFromItsGrantToItsRelease() async throws {
        let store = try await open()
        let name = try LeaseName("backup")
        let grant = try await store.acquire(name, ttl: TTL(.seconds(30)), owner: Label("nightly"))
        #expect(await code { _ = try await store.acquire(name, ttl: .min) } == "lease conflict")
        clock.advance(by: .seconds(10))
        #expect(try await store.check(name, token: grant) == .seconds(20))
        let renewed = try await store.renew(name, token: grant, ttl: TTL(.seconds(60)))
        #expect(renewed > grant)
        #expect(try await store.check(name, token: grant) == .seconds(60))
        #expect(try await store.tenure(of: name)?.renewals == 1)
        #expect(await code { try await store.release(name, token: grant) } == "lease expired")
        try await store.release(name, token: renewed)
        #expect(await code { try await store.release(name, token: renewed) } == "lease expired")
        #expect(try await store.tenure(of: name) == nil)
        #expect(try await store.revoke(name) == false)
        try await store.close()
    }

    @Test func whatACallSaysIsOnDiskWhenItReturns() async throws {
        let store = try await open()
        let names = try names(3)
        var generator = SeededGenerator(seed: 61)
        for step in 0..<30 {
            let name = names[step % 3]
            if let held = try await store.tenure(of: name) {
                switch held.revocation == nil ? Int.random(in: 0..<3, using: &generator) : 0 {
                case 0: try await store.release(name, token: held.token)
                case 1: _ = try await store.renew(name, token: held.token, ttl: .max)
                default: _ = try await store.revoke(name, after: .seconds(5), reason: Label("test"))
                }
            } else {
                _ = try await store.acquire(name, ttl: .max)
            }
            let token = try await store.issueToken()
            try copy.write(folder.image())
            let found = try LedgerState(openingIn: copy, clock: clock)
            for name in names {
                #expect(try await store.tenure(of: name) == found.leases[name])
            }
            #expect(found.lastToken == token)
            clock.advance(by: .seconds(1))
        }
        try await store.close()
    }

    // MARK: - Many callers

    @Test func callsOfOneTurnShareOneCommit() async throws {
        let store = try await open()
        let names = try names(50)
        let before = try folder.image().commits
        let calls = await store.acquireTogether(names)
        var tokens: [Token] = []
        for call in calls {
            tokens.append(try await call.value)
        }
        #expect(try folder.image().commits == before + 1)
        #expect(tokens == tokens.sorted() && Set(tokens).count == 50)
        try await store.close()
    }

    @Test func cancellingACallThatHasBegunTakesNothingBack() async throws {
        let store = try await open()
        let names = try names(5)
        let calls = await store.acquireTogether(names)
        calls.forEach { $0.cancel() }
        for (name, call) in zip(names, calls) {
            let token = try await call.value
            #expect(try await store.tenure(of: name)?.token == token)
        }
        try await store.close()
    }

    @Test func manyTasksNeverHoldALeaseAtOnce() async throws {
        let store = try await open()
        let names = try names(8)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<50 {
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(task))
                    for _ in 0..<6 {
                        guard let name = names.randomElement(using: &generator),
                            var token = try? await store.acquire(name, ttl: .max)
                        else { continue }
                        #expect(tally.holders.withLock { $0.updateValue(task, forKey: name) } == nil)
                        tally.issued.withLock { $0.append(token) }
                        if generator.oneIn(2), let renewed = try? await store.renew(name, token: token, ttl: .max) {
                            tally.issued.withLock { $0.append(renewed) }
                            token = renewed
                        }
                        if let extra = try? await store.issueToken() {
                            tally.issued.withLock { $0.append(extra) }
                        }
                        #expect(tally.holders.withLock { $0.removeValue(forKey: name) } == task)
                        do {
                            try await store.release(name, token: token)
                        } catch {
                            Issue.record("\(error)")
                        }
                    }
                }
            }
        }
        let tokens = tally.issued.withLock { $0 }
        #expect(Set(tokens).count == tokens.count)
        #expect(tokens.count >= 50)
        #expect(try await store.leases().isEmpty)
        let last = try await store.issueToken()
        #expect(tokens.allSatisfy { $0 < last })
        try await store.close()
    }

    // MARK: - Lists

    @Test func leasesAreListedByNamePageByPage() async throws {
        let store = try await open()
        let bytes: [[UInt8]] = [
            [0], [0x61], [0x61, 0], [0x61, 0xFE], [0x61, 0xFF], [0x61, 0xFF, 0], [0x61, 0xFF, 0xFF], [0x62], [0xFE],
            [0xFF], [0xFF, 0], [0xFF, 0xFF], [0xFF, 0xFF, 0xFF],
        ]
        for name in bytes.shuffled() {
            _ = try await store.acquire(LeaseName(name), ttl: .max)
        }
        func page(_ prefix: [UInt8], after: [UInt8]?, count: Int) async throws -> [[UInt8]] {
            let after = try after.map { try LeaseName($0) }
            return try await store.leases(prefix: prefix, after: after, count: count).map(\.name.bytes)
        }
        let prefixes: [[UInt8]] = [
            [], [0], [0x61], [0x61, 0xFF], [0xFF], [0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x63],
        ]
        let bounds: [[UInt8]?] = [
            nil, [0], [0x60], [0x61, 0xFF], [0x61, 0xFF, 0x80], [0x62], [0xFF], [0xFF, 0xFF, 0xFF],
        ]
        for prefix in prefixes {
            let all = bytes.filter { $0.starts(with: prefix) }
            for after in bounds {
                let rest = all.filter { name in after.map { $0.lexicographicallyPrecedes(name) } ?? true }
                for count in [0, 1, 2, 5, .max] {
                    let expected = Array(rest.prefix(count))
                    #expect(try await page(prefix, after: after, count: count) == expected)
                }
            }
        }
        #expect(try await page([], after: nil, count: -1).isEmpty)

        // Paging continues after a name that is gone.
        let gone = try LeaseName([0x61, 0xFF])
        #expect(try await store.revoke(gone))
        #expect(try await page([0x61], after: gone.bytes, count: 1) == [[0x61, 0xFF, 0]])
        try await store.close()
    }

    @Test func aListShowsTenuresAsTheyAreAndNoneThatHasEnded() async throws {
        let store = try await open()
        let names = try names(3)
        for (name, seconds) in zip(names, [10, 20, 30] as [Int64]) {
            _ = try await store.acquire(name, ttl: TTL(.seconds(seconds)))
        }
        clock.advance(by: .seconds(20))
        let listed = try await store.leases()
        #expect(listed.map(\.name) == [names[2]])
        #expect(try await store.tenure(of: names[2]) == listed.first?.tenure)
        try await store.close()
    }

    // MARK: - Closing

    @Test func closingAnswersEveryCallThatIsPending() async throws {
        let store = try await open()
        let names = try names(20)
        let (calls, closing) = await store.acquireTogetherAndClose(names)
        var tokens: [LeaseName: Token] = [:]
        for (name, call) in zip(names, calls) {
            tokens[name] = try await call.value
        }
        try await closing.value
        let found = try LedgerState(openingIn: folder, clock: clock)
        #expect(found.leases.mapValues(\.token) == tokens)
    }

    @Test func aClosedStoreAnswersClosed() async throws {
        let store = try await open()
        let name = try LeaseName("job")
        try await store.close()
        try await store.close()
        #expect(await code { _ = try await store.acquire(name, ttl: .min) } == "store closed")
        #expect(await code { _ = try await store.check(name, token: .min) } == "store closed")
        #expect(await code { _ = try await store.issueToken() } == "store closed")
        #expect(await code { _ = try await store.leases() } == "store closed")
        let again = try await open()
        try await again.close()
    }

    @Test func aListThatIsUnderWayWhenTheStoreClosesIsAnswered() async throws {
        for _ in 0..<10 {
            let store = try await open()
            let lists = await store.listTogether(8)
            async let closing: Void = store.close()
            for list in lists {
                let outcome = await code { _ = try await list.value }
                #expect(["done", "store closed"].contains(outcome))
            }
            try await closing
        }
    }

    // MARK: - Failures

    @Test func aTurnThatIsRefusedChangesNothingAndTheNextOneWorks() async throws {
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let store = try await open()
        let name = try LeaseName("job")
        disk.fail { $0.call == .write ? ResultCode.SQLITE_FULL.rawValue : nil }
        #expect(await code { _ = try await store.acquire(name, ttl: .min) } == "lease ioError")
        disk.fail(nil)
        #expect(try await store.tenure(of: name) == nil)
        _ = try await store.acquire(name, ttl: .min)
        try await store.close()
    }

    @Test func whatIsDurableIsAnsweredAlsoWhenTheTablesCannotFollow() async throws {
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let store = try await open()
        let name = try LeaseName("job")
        // The first sync is that of the turn's commit; later writes are the fold's.
        let fault = FaultAfterSync()
        disk.fail { fault.code(for: $0) }
        let (acquiring, listing) = await store.acquireAndListTogether(name)
        let token = try await acquiring.value
        #expect(await code { _ = try await listing.value } == "lease ioError")
        disk.fail(nil)
        #expect(try await store.tenure(of: name)?.token == token)
        #expect(try await store.leases().map(\.name) == [name])
        try await store.close()
    }

    @Test func afterAFailedSyncTheStoreAnswersNothingUntilItIsOpenedAgain() async throws {
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let store = try await open()
        let name = try LeaseName("job")
        disk.fail { $0.call == .sync ? ResultCode.SQLITE_IOERR_FSYNC.rawValue : nil }
        #expect(await code { _ = try await store.acquire(name, ttl: .min) } == "store syncFailed")
        disk.fail(nil)
        #expect(await code { _ = try await store.tenure(of: name) } == "store syncFailed")
        try await store.close()
        let again = try await open()
        _ = try await again.issueToken()
        try await again.close()
    }

    @Test func closingWhileTheLastTurnsSyncFailsIsNoTrouble() async throws {
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let store = try await open()
        // Something that is durable and not folded.
        _ = try await store.acquire(LeaseName("before"), ttl: .max)
        disk.fail { $0.call == .sync ? ResultCode.SQLITE_IOERR_FSYNC.rawValue : nil }
        let (calls, closing) = await store.acquireTogetherAndClose(try names(3))
        for call in calls {
            #expect(await code { _ = try await call.value } == "store syncFailed")
        }
        try await closing.value
        disk.fail(nil)
        let again = try await open()
        try await again.close()
    }
}

/// A disk that is full once it has synced.
private final class FaultAfterSync: Sendable {
    private let hasSynced = Atomic<Bool>(false)

    func code(for operation: FaultyDisk.Operation) -> Int32? {
        if operation.call == .sync {
            hasSynced.store(true, ordering: .relaxed)
        }
        return operation.call == .write && hasSynced.load(ordering: .relaxed) ? ResultCode.SQLITE_FULL.rawValue : nil
    }
}

/// The holders, as the callers know them.
private final class Tally: Sendable {
    let holders = Mutex<[LeaseName: Int]>([:])
    let issued = Mutex<[Token]>([])
}

extension LeaseStore {
    /// How many leases the store has in memory.
    fileprivate var countOfLeases: Int { ledger?.leaseCount ?? 0 }

    fileprivate var isWALOverlong: Bool { ledger?.isWALOverlong ?? false }

    /// Begins a read that ends when `body` returns.
    fileprivate func beginRead(of key: Key, until body: @escaping @Sendable () -> Void) {
        begin(Read(query: .value(key)) { _ in body() })
    }
}
