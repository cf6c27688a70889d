/// Whether a turn looks at the sockets again before it commits, so that more clients share its sync.
///
/// Otherwise clients fall into halves: one sends while the other's commit is under way, and each sync serves only one of
/// them. Those who have just been answered send again within the time that it takes to read the others, so that a turn that
/// looks again finds them. A look that finds nobody costs a few system calls, and is left out where nobody is missing: a turn
/// that has come to as many clients as the last two together is committed at once, and so is a lone client. Where clients have
/// fallen into halves, those two are all of them.
struct Gathering {
    /// With fewer clients a turn is committed at once.
    static let fewestClients = 2
    /// How many times a turn looks again for those who are missing, whether it finds somebody or not.
    static let fewestLooks = 2
    /// How many times it does so at the most, as long as it finds more.
    static let mostLooks = 8

    /// The number of a turn.
    typealias Turn = Int

    /// The turn under way.
    private var turn: Turn = 1
    private var clients = 0
    /// How many of them were in the turn before it.
    private var returning = 0
    private var clientsBefore = 0
    /// How many clients the last two turns had; none of them is counted twice.
    private var regulars = Int.max

    private var looks = 0
    private var clientsAtLastLook = 0

    /// Whether a turn is looking again.
    var isUnderWay: Bool { looks > 0 }

    /// Counts a client that has sent something to the turn under way, once.
    ///
    /// - Parameter last: the last turn that it was counted to, 0 before the first; is this one from now on.
    mutating func join(_ last: inout Turn) {
        guard last != turn else { return }
        if last == turn - 1 { returning += 1 }
        last = turn
        clients += 1
    }

    /// Whether a client was counted to the turn under way, by the last turn that it was counted to.
    func hasJoined(_ last: Turn) -> Bool { last == turn }

    /// Whether some of the last two turns have not sent anything to the one under way, of which there are several.
    var isMissingSome: Bool { clients >= Self.fewestClients && clients < regulars }

    /// Whether to look again before the turn under way ends.
    mutating func looksAgain() -> Bool {
        let most = clients > clientsAtLastLook ? Self.mostLooks : Self.fewestLooks
        guard isMissingSome, looks < most else {
            looks = 0
            return false
        }
        looks += 1
        clientsAtLastLook = clients
        return true
    }

    /// Ends the turn under way; those who join from now on are in the next.
    mutating func endTurn() {
        if clients > 0 {
            regulars = clients + clientsBefore - returning
            clientsBefore = clients
            turn += 1
        }
        clients = 0
        returning = 0
        looks = 0
        clientsAtLastLook = 0
    }
}
