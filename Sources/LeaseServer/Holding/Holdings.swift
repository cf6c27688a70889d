import LeaseCore

/// On which connection each bound or tied tenure hangs, and which tenures are to end since theirs is gone.
///
/// That a tenure is bound or tied is the store's to know; to which connection, only this table, and only as long as the
/// daemon runs. It holds what is durable: a change is entered once its commit has succeeded. A tenure that has lost its
/// connection stays in ``lost`` until its end is durable, so that a store that refuses for a while forgets nothing.
struct Holdings {
    /// One tenure's connection.
    struct Holding: Equatable {
        let fence: Token
        let session: SessionID
        let isTie: Bool
    }

    private var holdings: [LeaseName: Holding] = [:]
    private var namesBySession: [SessionID: Set<LeaseName>] = [:]
    /// The tenures that are to end as lost, by their fences.
    private(set) var lost: [LeaseName: Token] = [:]

    /// The connection that a tenure hangs on, or `nil` if it goes by time alone.
    subscript(name: LeaseName) -> Holding? { holdings[name] }

    /// Whether no tenure hangs on a connection.
    func hasNothing(on session: SessionID) -> Bool { namesBySession[session] == nil }

    /// How many tenures hang on connections.
    var count: Int { holdings.count }

    /// Has a tenure hang on a connection; returns the holding that was there before, on another connection.
    ///
    /// It is not lost with that other one.
    @discardableResult
    mutating func attach(_ name: LeaseName, _ holding: Holding) -> Holding? {
        let previous = detach(name)
        lost[name] = nil
        holdings[name] = holding
        namesBySession[holding.session, default: []].insert(name)
        return previous?.session == holding.session ? nil : previous
    }

    /// Has a lease's tenure go by time alone; returns what it hung on.
    @discardableResult
    mutating func detach(_ name: LeaseName) -> Holding? {
        guard let holding = holdings.removeValue(forKey: name) else { return nil }
        namesBySession[holding.session]?.remove(name)
        if namesBySession[holding.session]?.isEmpty == true {
            namesBySession[holding.session] = nil
        }
        return holding
    }

    /// The connection is gone: every tenure that hangs on it is to end.
    mutating func close(_ session: SessionID) {
        for name in namesBySession[session] ?? [] {
            guard let holding = holdings.removeValue(forKey: name) else { continue }
            lost[name] = holding.fence
        }
        namesBySession[session] = nil
    }

    /// The connection is gone, and its tenures go by time: the daemon is stopping, and not the holder.
    mutating func forget(_ session: SessionID) {
        for name in namesBySession.removeValue(forKey: session) ?? [] {
            holdings[name] = nil
        }
    }

    /// A tenure is to end, since its holder cannot know of it; it has ended already if a later one is lost.
    mutating func lose(_ name: LeaseName, fence: Token) {
        lost[name] = max(fence, lost[name] ?? fence)
    }

    /// A lease's tenure of that fence has ended, and that is durable; a later one may be lost by now.
    mutating func didEnd(_ name: LeaseName, fence: Token) {
        guard lost[name] == fence else { return }
        lost[name] = nil
    }

    /// No tenure of a lease is to end any more.
    mutating func forgetLoss(of name: LeaseName) {
        lost[name] = nil
    }
}
