/// Decides whether to read the sockets again before committing, so that more clients share one sync.
///
/// Without this, clients split into two halves that alternate, and each sync serves only half. Clients that were just
/// answered send again while the others are being read, so another look finds them. A look that finds nobody costs a
/// few system calls. A turn looks again while clients of the last two turns are missing; a lone client, or a complete
/// turn, commits at once. If clients have already split, the last two turns together are all of them.
struct Gathering {
    /// With fewer clients a turn is committed at once.
    static let fewestClients = 2
    /// How many times a turn looks again for missing clients, even if a look finds none.
    static let fewestLooks = 2
    /// How many times at most, as long as each look finds more.
    static let mostLooks = 8

    typealias Turn = Int

    /// The number of the turn under way.
    private var turn: Turn = 1
    private var clients = 0
    /// How many of them were also in the turn before it.
    private var returning = 0
    private var clientsBefore = 0
    /// How many different clients the last two turns had.
    private var regulars = Int.max

    private var looks = 0
    private var clientsAtLastLook = 0

    /// Whether the turn is looking again.
    var isUnderWay: Bool { looks > 0 }

    /// Counts a client that has sent something in the turn under way, once.
    ///
    /// - Parameter last: the last turn in which it was counted, 0 before the first; set to this turn.
    mutating func join(_ last: inout Turn) {
        guard last != turn else { return }
        if last == turn - 1 { returning += 1 }
        last = turn
        clients += 1
    }

    /// Whether a client was counted in the turn under way, given the last turn in which it was counted.
    func hasJoined(_ last: Turn) -> Bool { last == turn }

    /// Whether clients of the last two turns are still missing from this turn, which has more than one client.
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

    /// Ends the turn under way; clients that join from now on are in the next.
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
