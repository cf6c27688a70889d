import LeaseCore
import TestSupport
import Testing

/// Who waits, in which order, and how many may wait.
@Suite struct WaitLinesTests {
    private static let ample = WaitLines.Limits(
        perLease: .max,
        quota: Quota(total: .max, perUser: .max, reservedForAdministrators: 0)
    )

    private func waiter(
        _ name: String = "job",
        uid: UInt32 = 1000,
        request: RequestID? = nil,
        isAdministrator: Bool = false
    ) throws -> Waiter {
        Waiter(
            name: try LeaseName(name),
            caller: Caller(uid: uid, gid: uid, pid: 1, isAdministrator: isAdministrator),
            ttl: .min,
            owner: .empty,
            request: request,
            binds: false,
            end: nil
        )
    }

    // MARK: - A plain model

    /// One line as a plain array: the model that the lines are compared with.
    private struct Model {
        var lines: [LeaseName: [(id: WaiterID, waiter: Waiter)]] = [:]

        var all: [(id: WaiterID, waiter: Waiter)] { lines.values.flatMap(\.self) }

        func place(of waiter: Waiter) -> Int? {
            guard let request = waiter.request else { return nil }
            return lines[waiter.name]?.firstIndex {
                $0.waiter.request == request && $0.waiter.caller.uid == waiter.caller.uid
            }
        }

        func isFull(for waiter: Waiter, _ limits: WaitLines.Limits) -> Bool {
            let isAdministrator = waiter.caller.isAdministrator
            let reserve = isAdministrator ? 0 : limits.quota.reservedForAdministrators
            return (lines[waiter.name]?.count ?? 0) >= limits.perLease || all.count >= limits.quota.total - reserve
                || !isAdministrator && all.count { $0.waiter.caller.uid == waiter.caller.uid } >= limits.quota.perUser
        }
    }

    @Test(arguments: [101, 102, 103, 104, 105] as [UInt64])
    func theLinesAreThoseOfAPlainList(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var lines = WaitLines()
        var model = Model()
        let limits = WaitLines.Limits(perLease: 20, quota: Quota(total: 45, perUser: 25, reservedForAdministrators: 5))
        let requests = (0..<12).map { _ in RequestID.random() }
        var gone: [WaiterID] = []
        var refusals = 0
        var replacements = 0
        for step in 0..<6000 {
            let place = "seed \(seed), step \(step)"
            // Lines fill and empty alternately.
            let joins = step / 500 % 2 == 0 ? 7 : 3
            if Int.random(in: 0..<10, using: &generator) < joins {
                let uid = UInt32.random(in: 0...3, using: &generator)
                let waiter = try waiter(
                    "job \(Int.random(in: 0..<4, using: &generator))",
                    uid: uid,
                    request: Bool.random(using: &generator) ? requests.randomElement(using: &generator) : nil,
                    isAdministrator: uid == 0
                )
                do {
                    let (id, replaced) = try lines.join(waiter, limits: limits)
                    if let index = model.place(of: waiter) {
                        replacements += 1
                        #expect(replaced == model.lines[waiter.name]?[index].id, "\(place)")
                        model.lines[waiter.name]?[index] = (id, waiter)
                    } else {
                        #expect(replaced == nil && !model.isFull(for: waiter, limits), "\(place)")
                        model.lines[waiter.name, default: []].append((id, waiter))
                    }
                } catch {
                    refusals += 1
                    #expect(error.code == .busy)
                    #expect(model.place(of: waiter) == nil && model.isFull(for: waiter, limits), "\(place)")
                }
            } else if let old = gone.randomElement(using: &generator), step % 17 == 0 {
                #expect(lines.leave(old) == nil, "\(place)")
            } else if let line = model.lines.values.filter({ !$0.isEmpty }).randomElement(using: &generator) {
                // The first, as a grant takes it, or any.
                let index = Bool.random(using: &generator) ? 0 : Int.random(in: 0..<line.count, using: &generator)
                let (id, waiter) = line[index]
                #expect(lines.leave(id) == waiter, "\(place)")
                model.lines[waiter.name]?.remove(at: index)
                gone.append(id)
            }
            #expect(lines.count == model.all.count, "\(place)")
            for number in 0..<4 {
                let name = try LeaseName("job \(number)")
                let line = model.lines[name] ?? []
                #expect(lines.first(for: name) == line.first?.id, "\(place)")
                #expect(lines.count(for: name) == line.count, "\(place)")
                #expect(lines.countsByLease[name] == (line.isEmpty ? nil : line.count), "\(place)")
                for (id, waiter) in line {
                    #expect(lines[id] == waiter, "\(place)")
                }
            }
        }
        #expect(refusals > 50 && replacements > 50, "seed \(seed)")
        // Nothing remains: as many may wait as at the beginning.
        for (id, _) in model.all {
            lines.leave(id)
        }
        for _ in 0..<20 {
            _ = try lines.join(waiter("another"), limits: limits)
        }
    }

    // MARK: - Order

    @Test func whoCameFirstIsFirstWhoeverLeaves() throws {
        var lines = WaitLines()
        let ids = try (0..<100).map { _ in try lines.join(try waiter(), limits: Self.ample).id }
        let name = try LeaseName("job")
        for id in ids where id.rawValue % 3 != 0 {
            lines.leave(id)
        }
        var served: [WaiterID] = []
        while let first = lines.first(for: name) {
            served.append(first)
            lines.leave(first)
        }
        #expect(served == ids.filter { $0.rawValue % 3 == 0 })
        #expect(lines.count == 0 && lines.countsByLease.isEmpty)
    }

    @Test func aRepetitionTakesThePlaceOfItsRequestAndNotTheEnd() throws {
        var lines = WaitLines()
        let request = RequestID.random()
        _ = try lines.join(try waiter(uid: 1), limits: Self.ample)
        let old = try lines.join(try waiter(uid: 2, request: request), limits: Self.ample).id
        let last = try lines.join(try waiter(uid: 3), limits: Self.ample).id
        let repetition = try lines.join(try waiter(uid: 2, request: request), limits: Self.ample)
        #expect(repetition.replaced == old)
        #expect(repetition.id > last)
        #expect(lines.count == 3 && lines[old] == nil)
        let name = try LeaseName("job")
        lines.leave(try #require(lines.first(for: name)))
        #expect(lines.first(for: name) == repetition.id)
        // A waiter that was replaced cannot leave again.
        #expect(lines.leave(old) == nil)
        #expect(lines.count == 2)
    }

    @Test func aRequestIDIsThatOfOneUserOnOneLease() throws {
        var lines = WaitLines()
        let request = RequestID.random()
        let first = try lines.join(try waiter(uid: 1, request: request), limits: Self.ample)
        let otherUser = try lines.join(try waiter(uid: 2, request: request), limits: Self.ample)
        let otherLease = try lines.join(try waiter("other", uid: 1, request: request), limits: Self.ample)
        #expect([first.replaced, otherUser.replaced, otherLease.replaced] == [nil, nil, nil])
        // The request id is forgotten with its waiter.
        lines.leave(first.id)
        let again = try lines.join(try waiter(uid: 1, request: request), limits: Self.ample)
        #expect(again.replaced == nil)
    }

    // MARK: - Limits

    @Test func eachLimitRefusesByNameAndChangesNothing() throws {
        let cases: [(WaitLines.Limits, String)] = [
            (
                .init(perLease: 2, quota: Quota(total: 9, perUser: 9, reservedForAdministrators: 0)),
                "2 wait for lease 'job'"
            ),
            (
                .init(perLease: 9, quota: Quota(total: 9, perUser: 2, reservedForAdministrators: 0)),
                "uid 1000 has 2 waiting"
            ),
            (.init(perLease: 9, quota: Quota(total: 3, perUser: 9, reservedForAdministrators: 1)), "2 are waiting"),
        ]
        for (limits, text) in cases {
            var lines = WaitLines()
            let request = RequestID.random()
            _ = try lines.join(try waiter(request: request), limits: limits)
            _ = try lines.join(try waiter(), limits: limits)
            let refused = #expect(throws: LeaseError.self) { try lines.join(try waiter(), limits: limits) }
            #expect(refused?.code == .busy)
            #expect(refused?.message.hasPrefix(text) == true, "\(refused?.message ?? "")")
            #expect(lines.count == 2)
            // A repetition does not take another place.
            let again = try lines.join(try waiter(request: request), limits: limits)
            #expect(again.replaced != nil)
            #expect(lines.count == 2)
        }
    }

    @Test func administratorsHaveTheReserveAndNoLimitOfTheirOwn() throws {
        var lines = WaitLines()
        let limits = WaitLines.Limits(perLease: 9, quota: Quota(total: 4, perUser: 1, reservedForAdministrators: 2))
        for _ in 0..<4 {
            _ = try lines.join(try waiter(uid: 0, isAdministrator: true), limits: limits)
        }
        #expect(throws: LeaseError.self) {
            try lines.join(try waiter(uid: 0, isAdministrator: true), limits: limits)
        }
    }
}
