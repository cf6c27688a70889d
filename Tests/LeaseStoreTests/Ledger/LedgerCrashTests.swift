import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

/// The files as a SIGKILL leaves them, at every point where it can come, opened again.
@Suite struct LedgerCrashTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func everyCommitAndFoldLeavesTheSameState(seed: UInt64) throws {
        let folder = try StoreFolder()
        let copy = try StoreFolder()
        let clock = ManualClock()
        var configuration = LedgerConfiguration()
        configuration.historyRows = 7
        configuration.historyAge = .seconds(60)
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
        defer { ledger.abandon() }
        var workload = try Workload(seed: seed, names: 6)
        var attached: Set<Attachment> = []
        var overdue = 0

        func expectSameStateAfterCut(_ place: String) throws {
            let state = LedgerState(ledger)
            attached.formUnion(state.leases.values.map(\.attachment))
            overdue += state.leases.values.count(where: \.isOverdueNoted)
            // None, some or all ties outlive the daemon.
            for kept in [[], Set(state.ties.sorted().prefix(1)), state.ties] {
                try copy.write(folder.image())
                let found = try LedgerState(
                    openingIn: copy,
                    clock: clock,
                    configuration: configuration,
                    keptTies: kept
                )
                #expect(found == state.started(at: clock.now(), keptTies: kept), "seed \(seed), \(place), \(kept)")
            }
        }

        for step in 0..<60 {
            try workload.batch(on: ledger, clock: clock)
            if step % 12 == 11 {
                // Every deadline has passed: tenures that are not tied end, and tied ones become overdue.
                clock.advance(by: .seconds(45))
                #expect(!ledger.expire(now: clock.now(), limit: 100))
            }
            try ledger.commit()
            try expectSameStateAfterCut("commit \(step)")
            while workload.generator.oneIn(2) {
                _ = try ledger.fold(limit: [1, 2, 3, 7, 100].randomElement(using: &workload.generator) ?? 1)
                try expectSameStateAfterCut("fold in \(step)")
            }
        }
        #expect(attached.count == 3 && overdue > 0, "seed \(seed)")
    }

    @Test(arguments: [21, 22] as [UInt64])
    func aRebootAfterAnyCommitOrFoldEndsWhatHungOnAProcess(seed: UInt64) throws {
        let folder = try StoreFolder()
        let copy = try StoreFolder()
        let clock = ManualClock()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        var workload = try Workload(seed: seed)
        var ended = 0
        for step in 0..<40 {
            try workload.batch(on: ledger, clock: clock)
            try ledger.commit()
            if workload.generator.oneIn(2) {
                _ = try ledger.fold(limit: 3)
            }
            try copy.write(folder.image())
            let rebooted = ManualClock(wall: clock.now().wall)
            rebooted.reboot()
            let state = LedgerState(ledger)
            // A tie that the service manager claims to have kept cannot be from this boot.
            let found = try LedgerState(openingIn: copy, clock: rebooted, keptTies: state.ties)
            #expect(found == state.started(at: rebooted.now(), isSameBoot: false), "seed \(seed), step \(step)")
            ended += state.leases.count - found.leases.count
        }
        #expect(ended > 20, "seed \(seed)")
    }

    @Test(arguments: [11, 12] as [UInt64])
    func aLogCutAnywhereHoldsTheStateOfTheLastWholeCommit(seed: UInt64) throws {
        let folder = try StoreFolder()
        let copy = try StoreFolder()
        let clock = ManualClock()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        var workload = try Workload(seed: seed)
        var states = [(frames: try folder.image().frames, state: LedgerState(ledger))]
        for _ in 0..<25 {
            try workload.batch(on: ledger, clock: clock)
            try ledger.commit()
            states.append((try folder.image().frames, LedgerState(ledger)))
            if workload.generator.oneIn(3) {
                _ = try ledger.fold(limit: 5)
                states.append((try folder.image().frames, LedgerState(ledger)))
            }
        }

        let image = try folder.image()
        for frames in states[0].frames...image.frames {
            let last = try #require(states.last { $0.frames <= frames })
            for (torn, room) in [(0, 0), (24, 0), (2000, 0), (0, 20_000), (2000, 20_000)] {
                try copy.write(image.cut(after: frames, bytes: torn, room: room))
                let found = try LedgerState(openingIn: copy, clock: clock)
                #expect(
                    found == last.state.started(at: clock.now()),
                    "seed \(seed), \(frames) frames, \(torn) bytes and room of \(room)"
                )
            }
        }
    }

    @Test func aStoreWhoseMakingWasCutShortIsMadeAtTheNextStart() throws {
        let folder = try StoreFolder()
        let copy = try StoreFolder()
        let clock = ManualClock()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        let image = try folder.image()
        #expect(image.frames > 3)
        for frames in 0...image.frames {
            try copy.write(image.cut(after: frames))
            let again = try Ledger(path: copy.store, configuration: LedgerConfiguration(), clock: clock)
            defer { again.abandon() }
            _ = try again.issueToken(now: clock.now())
            try again.commit()
            #expect(again.lastDurableSequence == 1, "\(frames) frames")
        }
        try copy.write(StoreImage(database: [], log: nil))
        _ = try LedgerState(openingIn: copy, clock: clock)
    }

    @Test func aHistoryEmptiedByRetentionNeverHidesAGrant() throws {
        let folder = try StoreFolder()
        let copy = try StoreFolder()
        let clock = ManualClock()
        var configuration = LedgerConfiguration()
        configuration.historyRows = 0
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
        defer { ledger.abandon() }
        let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)
        for number in 0..<5 {
            let name = try LeaseName("job \(number)")
            let acquire = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
            _ = try ledger.perform(acquire, on: name, by: caller, now: clock.now()).get()
            try ledger.commit()
            while try ledger.fold(limit: 1) {}
            #expect(ledger.historyCount == 0)
            try copy.write(folder.image())
            let found = try LedgerState(openingIn: copy, clock: clock, configuration: configuration)
            #expect(found.lastSequence == Int64(4 * number + 1))

            let fresh = try LeaseName("fresh \(number)")
            _ = try ledger.perform(acquire, on: fresh, by: caller, now: clock.now()).get()
            try ledger.commit()
            try copy.write(folder.image())
            let after = try LedgerState(openingIn: copy, clock: clock, configuration: configuration)
            #expect(after.leases[fresh] == ledger.leases[fresh])
            #expect(after == LedgerState(ledger))
            _ = try ledger.perform(.revoke(after: nil, reason: .empty), on: fresh, by: caller, now: clock.now()).get()
            _ = try ledger.perform(.revoke(after: nil, reason: .empty), on: name, by: caller, now: clock.now()).get()
            try ledger.commit()
            while try ledger.fold(limit: 100) {}
            // Nothing in any table but the numbers in meta: the next row still takes the next number.
            try copy.write(folder.image())
            let emptied = try LedgerState(openingIn: copy, clock: clock, configuration: configuration)
            #expect(emptied == LedgerState(ledger))
            #expect(ledger.lastDurableSequence == Int64(4 * number + 4))
        }
    }
}
