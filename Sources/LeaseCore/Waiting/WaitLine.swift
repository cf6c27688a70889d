/// The waiters on one lease, first come first.
///
///     order   [ 4  7  9  12 ]        7 has left: it is skipped when it comes up
///               └ head
///
/// Whoever leaves stays in `order` until it comes up, or until more than half of `order` has left; so joining, leaving
/// and being the first each take a constant time, a whole line's life together. To take another's place is a look
/// through the line.
struct WaitLine: Hashable, Sendable {
    private var order: [WaiterID] = []
    private var head = 0
    private var present: Set<WaiterID> = []

    /// How many wait.
    var count: Int { present.count }

    /// Whoever came first and is still there.
    var first: WaiterID? {
        order[head...].first { present.contains($0) }
    }

    /// Stands behind all others.
    mutating func append(_ id: WaiterID) {
        order.append(id)
        present.insert(id)
    }

    /// Takes the place of another.
    mutating func replace(_ old: WaiterID, by new: WaiterID) {
        guard present.remove(old) != nil, let place = order.firstIndex(of: old) else { return }
        order[place] = new
        present.insert(new)
    }

    /// Leaves the line; the others keep their order.
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
