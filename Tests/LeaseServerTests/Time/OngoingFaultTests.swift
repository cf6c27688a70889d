import LeaseCore
import Testing

@testable import LeaseServer

@Suite struct OngoingFaultTests {
    private let start = BootInstant(nanoseconds: 1)

    @Test func itIsToldAtItsBeginningAndThenOnceAMinute() {
        var fault = OngoingFault()
        let minute = start.advanced(by: OngoingFault.interval)
        let instants = [start, start, minute.advanced(by: .nanoseconds(-1)), minute, minute]
        #expect(!fault.isOngoing)
        let told = instants.map { fault.happened(at: $0) }
        #expect(told == [1, nil, nil, 3, nil])
        #expect(fault.isOngoing)
    }

    @Test func itsEndIsOneAndTheNextIsTold() {
        var fault = OngoingFault()
        var ends = [fault.end()]
        _ = fault.happened(at: start)
        _ = fault.happened(at: start)
        for _ in 0..<2 { ends.append(fault.end()) }
        #expect(ends == [false, true, false])
        let again = fault.happened(at: start)
        #expect(again == 1)
    }
}
