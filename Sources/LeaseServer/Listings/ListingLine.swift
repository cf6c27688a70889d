/// The lists that wait to be read, and whose turn it is.
///
/// Administrators come first, then the user whose last list was begun longest ago; a user's own lists in the order of
/// the requests. So thousands of lists of one user take one place in the line.
struct ListingLine {
    /// The waiting lists, in the order of the requests.
    var waiting: [Listing] = []
    /// How many lists are being read off the event loop.
    var readsUnderWay = 0
    /// When each user's last list was begun, as a running number, as long as others wait.
    private(set) var turns: [UInt32: Int64] = [:]
    private var lastTurn: Int64 = 0

    var isEmpty: Bool { waiting.isEmpty }

    /// Removes the list that is read next from the line, and notes whose turn it was.
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

    /// Forgets whose turn it was once no list waits or is being read, so that nobody is ahead of anybody.
    mutating func forgetTurns() {
        guard waiting.isEmpty, readsUnderWay == 0 else { return }
        turns = [:]
    }
}
