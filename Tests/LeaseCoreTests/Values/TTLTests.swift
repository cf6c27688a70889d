import LeaseCore
import Testing

@Suite struct TTLTests {
    @Test func oneSecondTo366DaysAreTTLs() throws {
        #expect(try TTL(.seconds(1)) == .min)
        #expect(try TTL(.seconds(366 * 86_400)) == .max)
        #expect(TTL.min.milliseconds == 1000)
        #expect(TTL.max.milliseconds == 31_622_400_000)
        #expect(TTL.min < TTL.max)
    }

    @Test func whatIsOutsideIsRefusedAndNeverClamped() {
        let outside: [Duration] = [
            .zero, .milliseconds(999), .seconds(1) - .nanoseconds(1), .seconds(-1), .seconds(Int64.min),
            .seconds(366 * 86_400) + .nanoseconds(1), .milliseconds(31_622_400_001), .milliseconds(Int64.max),
            .seconds(Int64.max),
        ]
        for duration in outside {
            #expect(refusal { _ = try TTL(duration) } == .badTTL, "\(duration)")
        }
    }

    @Test func aTTLIsKeptToTheMillisecond() throws {
        #expect(try TTL(.milliseconds(1500)).duration == .milliseconds(1500))
        #expect(try TTL(.microseconds(1_500_999)).milliseconds == 1500)
    }

    @Test func aTTLIsWrittenAsOnTheWire() throws {
        #expect(try TTL(.seconds(90)).description == "1m30s")
        let error = #expect(throws: LeaseError.self) { try TTL(.zero) }
        #expect(error?.message == "a TTL is between 1s and 366d")
    }
}
