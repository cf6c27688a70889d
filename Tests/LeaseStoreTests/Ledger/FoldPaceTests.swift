import Testing

@testable import LeaseStore

/// The length of slices of folding.
@Suite struct FoldPaceTests {
    private let slow = FoldPace.target + .microseconds(1)
    private let quick = FoldPace.target / 2 - .microseconds(1)

    @Test func aSliceThatTookLongMakesTheNextShorterDownToABound() {
        var pace = FoldPace()
        var seen = [pace.writes]
        for _ in 0..<6 {
            pace.adapt(to: slow, writes: pace.writes)
            seen.append(pace.writes)
        }
        #expect(seen == [512, 256, 128, 64, 32, 32, 32])
    }

    @Test func aQuickOneMakesTheNextLongerAgain() {
        var pace = FoldPace()
        for _ in 0..<6 { pace.adapt(to: slow, writes: pace.writes) }
        for _ in 0..<6 { pace.adapt(to: quick, writes: pace.writes) }
        #expect(pace.writes == 512)
        pace.adapt(to: FoldPace.target * 3 / 4, writes: 512)
        #expect(pace.writes == 512, "what takes about as long as it may stays")
    }

    @Test func aShortOneTellsNothing() {
        var pace = FoldPace()
        pace.adapt(to: slow, writes: 256)
        #expect(pace.writes == 512)
    }
}
