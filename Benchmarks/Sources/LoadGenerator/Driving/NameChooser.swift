/// Chooses free lock names, either at random or in ascending order.
///
/// One generator drives all clients, so it knows which names are in use: a cycle is never refused because of another
/// one, and the figures of all peers are for the same work. It also checks that a name is never granted twice.
package struct NameChooser {
    package enum Order: Hashable, Sendable {
        case random
        case ascending
    }

    private let order: Order
    private var inUse: [Bool]
    private var state: UInt64
    private var next = 0

    package init(count: Int, order: Order, seed: UInt64) {
        precondition(count > 0)
        self.order = order
        inUse = Array(repeating: false, count: count)
        state = seed
    }

    /// Takes a free name; there must be one.
    package mutating func take() -> Int {
        var name: Int
        repeat {
            switch order {
            case .random:
                name = Int(random().multipliedFullWidth(by: UInt64(inUse.count)).high)
            case .ascending:
                name = next
                next = next + 1 == inUse.count ? 0 : next + 1
            }
        } while inUse[name]
        inUse[name] = true
        return name
    }

    package mutating func giveBack(_ name: Int) {
        inUse[name] = false
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
