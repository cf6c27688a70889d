/// How many of something there are, for each user and in all.
package struct UserCounts: Equatable, Sendable {
    /// How many there are in all.
    package private(set) var total = 0
    private var byUser: [UInt32: Int] = [:]

    /// None.
    package init() {}

    /// How many are the user's.
    package subscript(uid: UInt32) -> Int { byUser[uid] ?? 0 }

    /// There is one more.
    package mutating func add(_ uid: UInt32) {
        total += 1
        byUser[uid, default: 0] += 1
    }

    /// There is one less; nothing happens if the user has none.
    package mutating func remove(_ uid: UInt32) {
        guard let count = byUser[uid] else { return }
        total -= 1
        byUser[uid] = count > 1 ? count - 1 : nil
    }
}
