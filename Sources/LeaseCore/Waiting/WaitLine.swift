/// The waiters on one lease, first come, first served.
///
///     order   [ 4  7  9  12 ]        7 has left: it is skipped when it comes up
///               └ head
///
/// A waiter that has left stays in `order` until it is at the head, or until more than half of `order` (and 16 more)
/// has left. So joining, leaving and reading the first take amortised constant time. Replacing a waiter searches the
/// line.
struct WaitLine: Hashable, Sendable {
    private var order: [WaiterID] = []
    private var head = 0
    private var present: Set<WaiterID> = []

    var count: Int { present.count }

    /// The earliest waiter that has not left.
    var first: WaiterID? {
        order[head...].first { present.contains($0) }
    }

    mutating func append(_ id: WaiterID) {
        order.append(id)
        present.insert(id)
    }

    mutating func replace(_ old: WaiterID, by new: WaiterID) {
        guard present.remove(old) != nil, let place = order.firstIndex(of: old) else { return }
        order[place] = new
        present.insert(new)
    }

    /// Removes a waiter; the others keep their order.
    mutating func remove(_ id: WaiterID) {
        guard present.remove(id) != nil else { return }
        while head < order.count, !present.contains(order[head]) {
            head += 1
        }
        if order.count > 2 * present.count + 16 {
            order = order[head...].filter(present.contains)
            head = 0
        }
    }
}
