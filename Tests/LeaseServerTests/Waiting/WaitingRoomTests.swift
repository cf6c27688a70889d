import LeaseCore
import Testing

@testable import LeaseServer

@Suite struct WaitingRoomTests {
    private let limits = WaitLines.Limits(
        perLease: .max,
        quota: Quota(total: .max, perUser: .max, reservedForAdministrators: 0)
    )

    private func waiter(end: Int64?, request: RequestID? = nil) throws -> Waiter {
        Waiter(
            name: try LeaseName("job"),
            caller: Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false),
            ttl: .min,
            owner: .empty,
            request: request,
            binds: false,
            end: end.map { BootInstant(nanoseconds: $0) }
        )
    }

    private func session(_ number: Int) -> SessionID { SessionID(rawValue: Int64(number)) }

    @Test func theEarliestEndIsThatOfSomebodyWhoStillWaits() throws {
        var room = WaitingRoom()
        #expect(room.earliestEnd() == nil)
        _ = try room.join(waiter(end: nil), session(1), limits: limits)
        #expect(room.earliestEnd() == nil)
        let late = try room.join(waiter(end: 9), session(2), limits: limits).id
        let early = try room.join(waiter(end: 5), session(3), limits: limits).id
        #expect(room.earliestEnd()?.id == early)
        #expect(room.leave(early)?.session == session(3))
        #expect(room.earliestEnd()?.id == late)
        #expect(room.earliestEnd()?.instant.nanoseconds == 9)
        #expect(room.leave(late) != nil)
        #expect(room.leave(late) == nil)
        #expect(room.earliestEnd() == nil)
    }

    @Test func ofTwoWhoEndAtTheSameInstantTheFirstComesFirst() throws {
        var room = WaitingRoom()
        let ids = try (0..<9).map { try room.join(waiter(end: 5), session($0), limits: limits).id }
        for id in ids {
            #expect(room.earliestEnd()?.id == id)
            room.leave(id)
        }
    }

    @Test func anEndThatIsHeldComesBack() throws {
        var room = WaitingRoom()
        let early = try room.join(waiter(end: 5), session(1), limits: limits).id
        let late = try room.join(waiter(end: 9), session(2), limits: limits).id
        room.holdEarliestEnd()
        #expect(room.earliestEnd()?.id == late)
        room.restoreEnds()
        #expect(room.earliestEnd()?.id == early)
        room.holdEarliestEnd()
        room.leave(early)
        room.restoreEnds()
        #expect(room.earliestEnd()?.id == late)
    }

    @Test func aReplacedWaitersEndIsForgotten() throws {
        var room = WaitingRoom()
        let request = RequestID.random()
        _ = try room.join(waiter(end: 5, request: request), session(1), limits: limits)
        let (id, replaced) = try room.join(waiter(end: 9, request: request), session(2), limits: limits)
        #expect(replaced == session(1))
        #expect(room.earliestEnd()?.instant.nanoseconds == 9)
        #expect(room.leave(id)?.session == session(2))
    }

    @Test func repetitionsWithoutEndCostNoMemoryWithoutEnd() throws {
        var room = WaitingRoom()
        let request = RequestID.random()
        for number in 0..<20_000 {
            _ = try room.join(waiter(end: 1_000_000, request: request), session(number), limits: limits)
        }
        #expect(room.lines.count == 1)
        #expect(room.endCount <= 2 * room.lines.count + 1024)
        #expect(room.earliestEnd()?.instant.nanoseconds == 1_000_000)
    }
}
