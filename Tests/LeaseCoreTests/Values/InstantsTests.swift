import LeaseCore
import Testing

@Suite struct InstantsTests {
    @Test func instantsAdvanceAndMeasure() {
        let start = BootInstant(nanoseconds: 100)
        #expect(start.advanced(by: .nanoseconds(5)).nanoseconds == 105)
        #expect(start.advanced(by: .nanoseconds(-500)).nanoseconds == -400)
        #expect(start.duration(to: BootInstant(nanoseconds: 99)) == .nanoseconds(-1))
        let wall = WallInstant(microseconds: 100)
        #expect(wall.advanced(by: .microseconds(5)).microseconds == 105)
        #expect(wall.duration(to: WallInstant(microseconds: 400)) == .microseconds(300))
    }

    @Test func pastTheRangeIsTheLastInstant() {
        for duration in [Duration.seconds(Int64.max), .seconds(Int64.max / 1000), .milliseconds(Int64.max)] {
            #expect(BootInstant(nanoseconds: 1).advanced(by: duration).nanoseconds == .max)
            #expect(BootInstant(nanoseconds: -2).advanced(by: .zero - duration).nanoseconds == .min)
            #expect(WallInstant(microseconds: .max - 1).advanced(by: duration).microseconds == .max)
            #expect(WallInstant(microseconds: .min + 1).advanced(by: .zero - duration).microseconds == .min)
        }
        let first = BootInstant(nanoseconds: .min)
        let last = BootInstant(nanoseconds: .max)
        #expect(first.duration(to: last) == .nanoseconds(Int64.max))
        #expect(last.duration(to: first) == .nanoseconds(Int64.min))
        let early = WallInstant(microseconds: .min)
        let late = WallInstant(microseconds: .max)
        #expect(early.duration(to: late) == .microseconds(Int64.max))
        #expect(late.duration(to: early) == .microseconds(Int64.min))
    }

    @Test(arguments: [(0, 0), (999, 0), (1000, 1), (-1, -1), (-1000, -1), (-1001, -2)] as [(Int64, Int64)])
    func millisecondsAreRoundedDown(_ microseconds: Int64, _ milliseconds: Int64) {
        #expect(WallInstant(microseconds: microseconds).milliseconds == milliseconds)
    }

    @Test func theEarliestWallInstantHasMilliseconds() {
        #expect(WallInstant(microseconds: .min).milliseconds == Int64.min / 1000 - 1)
        #expect(WallInstant(microseconds: .min + 998).milliseconds == Int64.min / 1000)
    }

    @Test func millisecondsOverTheRangeAreTheLastInstant() {
        #expect(WallInstant(milliseconds: 5).microseconds == 5000)
        #expect(WallInstant(milliseconds: .max).microseconds == .max)
        #expect(WallInstant(milliseconds: .min).microseconds == .min)
    }
}
