/// How many of something there are, for each user and in all.
struct UserCounts: Equatable {
    private(set) var total = 0
    private var byUser: [UInt32: Int] = [:]

    /// How many are the user's.
    subscript(uid: UInt32) -> Int { byUser[uid] ?? 0 }

    /// There is one more.
    mutating func add(_ uid: UInt32) {
        total += 1
        byUser[uid, default: 0] += 1
    }

    /// There is one less.
    mutating func remove(_ uid: UInt32) {
        guard let count = byUser[uid] else { return }
        total -= 1
        byUser[uid] = count > 1 ? count - 1 : nil
    }
}
