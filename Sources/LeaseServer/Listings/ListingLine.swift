/// The lists that wait to be read, and whose turn it is.
///
/// Administrators come first; then users in turn, whoever has waited longest since a list of theirs was begun; a user's own
/// lists in the order in which they were asked for. So thousands that one user asks for are one place in the line.
struct ListingLine {
    /// Those that wait, in the order in which they were asked for.
    var waiting: [Listing] = []
    /// How many are being read beside the loop.
    var readsUnderWay = 0
    /// When a list of each user was begun last, in the order of all, as long as others wait.
    private(set) var turns: [UInt32: Int64] = [:]
    private var lastTurn: Int64 = 0

    /// Whether none waits.
    var isEmpty: Bool { waiting.isEmpty }

    /// Takes the list that is to be read next out of the line, and notes whose turn it was.
    ///
    /// Returns `nil` if none is ready.
    mutating func take(where isReady: (Listing) -> Bool) -> Listing? {
        func turn(_ listing: Listing) -> Int64 { listing.isAdministrator ? -1 : turns[listing.user] ?? 0 }
        var next: (index: Int, turn: Int64)?
        for (index, listing) in waiting.enumerated() where isReady(listing) {
            let turn = turn(listing)
            if turn < next?.turn ?? .max {
                next = (index, turn)
            }
        }
        guard let next else { return nil }
        let listing = waiting.remove(at: next.index)
        lastTurn += 1
        turns[listing.user] = lastTurn
        return listing
    }

    /// Forgets whose turn it was once nobody waits, so that nobody is before anybody.
    mutating func forgetTurns() {
        guard waiting.isEmpty, readsUnderWay == 0 else { return }
        turns = [:]
    }
}
