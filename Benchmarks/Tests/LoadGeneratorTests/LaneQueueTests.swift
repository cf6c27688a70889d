import LoadGenerator
import Testing

@Suite struct LaneQueueTests {
    @Test func answersComeInTheOrderOfTheCommandsAlsoAroundTheEnd() {
        var queue = LaneQueue(capacity: 3)
        #expect(queue.removeFirst() == nil)
        for lane in 0..<10 {
            queue.append(.acquire, lane: lane)
            queue.append(.release, lane: lane + 100)
            #expect(queue.first?.lane == lane)
            #expect(queue.removeFirst()?.operation == .acquire)
            #expect(queue.removeFirst()?.lane == lane + 100)
            #expect(queue.count == 0)
        }
    }
}
