import LeaseCore

/// Which kinds a key has, as bits in its tracker.
struct KeyKinds: OptionSet {
    let rawValue: Int64

    static let simple = KeyKinds(rawValue: 1)
    static let prefix = KeyKinds(rawValue: 2)
    static let lease = KeyKinds(rawValue: 4)

    /// The kinds in their order.
    var list: [KeyKind] {
        var kinds: [KeyKind] = []
        if contains(.simple) { kinds.append(.simple) }
        if contains(.prefix) { kinds.append(.prefix) }
        if contains(.lease) { kinds.append(.lease) }
        return kinds
    }
}
