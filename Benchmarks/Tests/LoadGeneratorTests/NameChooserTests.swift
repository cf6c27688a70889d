import LoadGenerator
import Testing

@Suite struct NameChooserTests {
    @Test func nameInUseIsNotTakenAgain() {
        var names = NameChooser(count: 50, order: .random, seed: 3)
        let taken = (0..<50).map { _ in names.take() }
        #expect(Set(taken).count == 50)
        names.giveBack(17)
        #expect(names.take() == 17)
    }

    @Test func ascendingNamesBeginAgain() {
        var names = NameChooser(count: 2, order: .ascending, seed: 0)
        #expect(names.take() == 0)
        names.giveBack(0)
        #expect(names.take() == 1)
        names.giveBack(1)
        #expect(names.take() == 0)
    }

    @Test func sameSeedChoosesTheSame() {
        var one = NameChooser(count: 1000, order: .random, seed: 9)
        var two = NameChooser(count: 1000, order: .random, seed: 9)
        for _ in 0..<100 { #expect(one.take() == two.take()) }
    }
}
