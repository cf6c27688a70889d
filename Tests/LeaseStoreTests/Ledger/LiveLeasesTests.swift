import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

@Suite struct LiveLeasesTests {
    private func tenure(
        end: Int64,
        revocation: Int64? = nil,
        uid: UInt32,
        attachment: Attachment = .nothing,
        isOverdueNoted: Bool = false
    ) -> Tenure {
        func moment(_ nanoseconds: Int64) -> Moment {
            Moment(boot: BootInstant(nanoseconds: nanoseconds), wall: WallInstant(microseconds: 0))
        }
        return Tenure(
            fence: .min,
            token: .min,
            holder: Holder(uid: uid, gid: 1, pid: 1, owner: .empty),
            ttl: .min,
            deadline: moment(end),
            acquiredAt: WallInstant(microseconds: 0),
            renewals: 0,
            request: nil,
            revocation: revocation.map { Revocation(end: moment($0), reason: .empty) },
            isExtended: false,
            attachment: attachment,
            isOverdueNoted: isOverdueNoted
        )
    }

    @Test(arguments: [71, 72, 73, 74] as [UInt64])
    func theEarliestEndAndTheCountsAreThoseOfAPlainList(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var leases = LiveLeases()
        var model: [LeaseName: Tenure] = [:]
        let names = try (0..<40).map { try LeaseName([UInt8($0)]) }
        for step in 0..<4000 {
            let name = try #require(names.randomElement(using: &generator))
            let previous = model[name]
            if generator.oneIn(4) {
                #expect(leases.put(nil, for: name) == previous)
                model[name] = nil
            } else {
                let tenure = tenure(
                    end: Int64.random(in: 0...50, using: &generator),
                    revocation: generator.oneIn(4) ? Int64.random(in: 0...50, using: &generator) : nil,
                    uid: UInt32.random(in: 0...3, using: &generator),
                    attachment: Attachment.allCases.randomElement(using: &generator) ?? .nothing,
                    isOverdueNoted: generator.oneIn(2)
                )
                #expect(leases.put(tenure, for: name) == previous)
                model[name] = tenure
            }
            // Not at every step, so that stale entries accumulate.
            if generator.oneIn(3) {
                let earliest = leases.earliestDue()
                #expect(earliest?.instant == model.values.compactMap(\.due).min(), "seed \(seed), step \(step)")
                #expect(earliest.map { model[$0.name]?.due == $0.instant } ?? !model.values.contains { $0.due != nil })
            }
            #expect(leases.count == model.count)
            for uid in UInt32(0)...3 {
                #expect(
                    leases.counts[uid] == model.values.count { $0.holder.uid == uid },
                    "seed \(seed), step \(step)"
                )
            }
        }
        #expect(leases.tenures == model)
    }

    @Test func theHeapStaysInProportion() throws {
        var leases = LiveLeases()
        let names = try (0..<10).map { try LeaseName([UInt8($0)]) }
        for round in 0..<20_000 {
            // Grants and ends alternate, and nobody asks for the earliest end.
            leases.put(tenure(end: Int64(round), uid: 1), for: names[round % 10])
            if round % 3 == 0 {
                leases.put(nil, for: names[(round / 3) % 10])
            }
            // Ends that come ever earlier, too.
            leases.put(tenure(end: Int64(1_000_000 - round), uid: 1), for: names[0])
        }
        #expect(leases.heapCount <= 2 * leases.count + 1024)
    }

    @Test func aTenureThatTimeDoesNothingToIsNotAwaitedUntilItDoesAgain() throws {
        var leases = LiveLeases()
        let name = try LeaseName("a")
        leases.put(tenure(end: 5, uid: 1, attachment: .tied), for: name)
        #expect(leases.earliestDue()?.instant.nanoseconds == 5)
        leases.put(tenure(end: 5, uid: 1, attachment: .tied, isOverdueNoted: true), for: name)
        #expect(leases.earliestDue() == nil)
        #expect(leases.heapCount == 0)
        // As a refused commit puts it back.
        leases.put(tenure(end: 5, uid: 1, attachment: .tied), for: name)
        #expect(leases.earliestDue()?.instant.nanoseconds == 5)
        leases.put(tenure(end: 5, uid: 1, attachment: .tied, isOverdueNoted: true), for: name)
        leases.put(tenure(end: 9, uid: 1, attachment: .tied), for: name)
        #expect(leases.earliestDue()?.instant.nanoseconds == 9)
    }

    @Test func namesThatAreGoneAreForgotten() throws {
        var leases = LiveLeases()
        #expect(leases.earliestDue() == nil)
        let name = try LeaseName("a")
        leases.put(tenure(end: 5, uid: 1), for: name)
        #expect(leases.earliestDue()?.instant.nanoseconds == 5)
        leases.put(nil, for: name)
        #expect(leases.earliestDue() == nil)
        #expect(leases.heapCount == 0)
        leases.put(tenure(end: 9, uid: 1), for: name)
        #expect(leases.earliestDue()?.instant.nanoseconds == 9)
    }

    @Test func leasesThatWereTakenInAreThoseThatWereSetOneByOne() throws {
        var generator = SeededGenerator(seed: 75)
        var one = LiveLeases()
        var intake = LiveLeases.Intake(expecting: 10)
        for part in 0..<3 {
            var leases: [HeldLease] = []
            for index in 0..<20 {
                let name = try LeaseName([UInt8(part), UInt8(index)])
                let tenure = tenure(
                    end: Int64.random(in: 0...50, using: &generator),
                    uid: UInt32.random(in: 0...3, using: &generator),
                    attachment: Attachment.allCases.randomElement(using: &generator) ?? .nothing,
                    isOverdueNoted: generator.oneIn(2)
                )
                one.put(tenure, for: name)
                leases.append((name, LeaseState(tenure: tenure, sequence: 0)))
            }
            intake.add(leases)
        }
        var all = intake.finish()
        #expect(all.tenures == one.tenures)
        for uid in UInt32(0)...3 { #expect(all.counts[uid] == one.counts[uid]) }
        for name in one.tenures.keys {
            #expect(all.earliestDue()?.instant == one.earliestDue()?.instant)
            all.put(nil, for: name)
            one.put(nil, for: name)
        }
    }
}
