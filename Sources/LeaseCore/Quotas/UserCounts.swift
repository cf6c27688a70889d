/// How many of something there are, per user and in all.
package struct UserCounts: Equatable, Sendable {
    /// How many there are in all.
    package private(set) var total = 0
    private var byUser: [UInt32: Int] = [:]

    /// Starts at zero.
    package init() {}

    /// How many are the user's.
    package subscript(uid: UInt32) -> Int { byUser[uid] ?? 0 }

    /// Adds one.
    package mutating func add(_ uid: UInt32) {
        total += 1
        byUser[uid, default: 0] += 1
    }

    /// Removes one; does nothing if the user has none.
    package mutating func remove(_ uid: UInt32) {
        guard let count = byUser[uid] else { return }
        total -= 1
        byUser[uid] = count > 1 ? count - 1 : nil
    }
}
