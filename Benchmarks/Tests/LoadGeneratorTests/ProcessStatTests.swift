import LoadGenerator
import Testing

@Suite struct ProcessStatTests {
    @Test func nameWithBlanksAndParenthesesDoesNotShiftTheFields() throws {
        let line = "812 (postgres: a) b) S 77 812 812 0 -1 4194560 1 2 3 4 500 60 7000 800 20 0 1 0 123 456 789"
        let stat = try #require(ProcessStat(line))
        #expect(stat.parent == 77)
        #expect(stat.ticks == 560)
        #expect(stat.ticksOfEndedChildren == 7800)
    }

    @Test(arguments: ["", "812 (a) S 77", "812 a S 77 812 812 0 -1 0 1 2 3 4 5 6 7 8"])
    func whatIsNoSuchLineIsNil(line: String) {
        #expect(ProcessStat(line) == nil)
    }

    @Test func treeCountsItsOwnWork() throws {
        let tree = ProcessTree(root: 1)
        let before = try tree.processorTime()
        #expect(try tree.processorTime() >= before)
    }

    @Test func endedProcessIsAnError() {
        #expect(throws: LoadError.self) { try ProcessTree(root: 0).processorTime() }
    }
}
