/// The lanes that await an answer, in the order of their commands.
package struct LaneQueue {
    private var entries: [(operation: Operation, lane: Int)]
    private var begin = 0
    package private(set) var count = 0

    package init(capacity: Int) {
        precondition(capacity > 0)
        entries = Array(repeating: (.acquire, 0), count: capacity)
    }

    package mutating func append(_ operation: Operation, lane: Int) {
        precondition(count < entries.count, "a lane has more than one command under way")
        entries[index(count)] = (operation, lane)
        count += 1
    }

    package var first: (operation: Operation, lane: Int)? {
        count > 0 ? entries[begin] : nil
    }

    package mutating func removeFirst() -> (operation: Operation, lane: Int)? {
        guard count > 0 else { return nil }
        defer {
            begin = index(1)
            count -= 1
        }
        return entries[begin]
    }

    private func index(_ offset: Int) -> Int {
        let index = begin + offset
        return index < entries.count ? index : index - entries.count
    }
}
