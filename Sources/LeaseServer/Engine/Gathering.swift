/// Whether a turn looks at the sockets again before it commits, so that more clients share its sync.
///
/// Otherwise clients fall into halves: one sends while the other's commit is under way, and each sync serves only one of
/// them. Those who have just been answered send again within the time that it takes to read the others, so that a turn that
/// looks again finds them. A look that finds nobody costs three system calls. A lone client is kept waiting for nobody.
struct Gathering {
    /// With fewer clients a turn is committed at once.
    static let fewestClients = 2
    /// How many times a turn looks again, whether it finds somebody or not.
    static let fewestLooks = 2
    /// How many times it does so at the most, as long as it finds more.
    static let mostLooks = 8

    private var looks = 0
    private var clients = 0

    /// Whether a turn is looking again.
    var isUnderWay: Bool { looks > 0 }

    /// Whether to look again before a turn ends that has come to so many clients.
    ///
    /// With `false` the turn is over, and the next call is about another one.
    mutating func looksAgain(clients: Int) -> Bool {
        let hasGrown = clients > self.clients
        guard clients >= Self.fewestClients, looks < (hasGrown ? Self.mostLooks : Self.fewestLooks) else {
            self = Gathering()
            return false
        }
        looks += 1
        self.clients = clients
        return true
    }
}
