import LeaseCore

/// Which connection each bound or tied tenure is attached to, and which tenures must end because theirs is gone.
///
/// The store knows that a tenure is bound or tied; only this table knows to which connection, while the daemon runs. It
/// holds what is durable: a change is entered after its commit. A tenure that has lost its connection stays in ``lost``
/// until its end is durable, so that a store that refuses for a while forgets nothing.
struct Holdings {
    struct Holding: Equatable {
        let fence: Token
        let session: SessionID
        let isTie: Bool
    }

    private var holdings: [LeaseName: Holding] = [:]
    private var namesBySession: [SessionID: Set<LeaseName>] = [:]
    /// The fences of the tenures that must end as lost.
    private(set) var lost: [LeaseName: Token] = [:]

    /// The connection that a tenure is attached to, or `nil` if it ends by time alone.
    subscript(name: LeaseName) -> Holding? { holdings[name] }

    func hasNothing(on session: SessionID) -> Bool { namesBySession[session] == nil }

    var count: Int { holdings.count }

    /// Attaches a tenure to a connection, so that it is not lost with another; returns its holding on another
    /// connection.
    @discardableResult
    mutating func attach(_ name: LeaseName, _ holding: Holding) -> Holding? {
        let previous = detach(name)
        lost[name] = nil
        holdings[name] = holding
        namesBySession[holding.session, default: []].insert(name)
        return previous?.session == holding.session ? nil : previous
    }

    /// Detaches a lease's tenure, so that it ends by time alone; returns what it was attached to.
    @discardableResult
    mutating func detach(_ name: LeaseName) -> Holding? {
        guard let holding = holdings.removeValue(forKey: name) else { return nil }
        namesBySession[holding.session]?.remove(name)
        if namesBySession[holding.session]?.isEmpty == true {
            namesBySession[holding.session] = nil
        }
        return holding
    }

    /// The connection is gone: every tenure that is attached to it must end.
    mutating func close(_ session: SessionID) {
        for name in namesBySession[session] ?? [] {
            guard let holding = holdings.removeValue(forKey: name) else { continue }
            lost[name] = holding.fence
        }
        namesBySession[session] = nil
    }

    /// The connection is gone because the daemon is stopping: its tenures end by time.
    mutating func forget(_ session: SessionID) {
        for name in namesBySession.removeValue(forKey: session) ?? [] {
            holdings[name] = nil
        }
    }

    /// A tenure must end, since its holder cannot know of it; if a later one is lost, it has ended already.
    mutating func lose(_ name: LeaseName, fence: Token) {
        lost[name] = max(fence, lost[name] ?? fence)
    }

    /// The end of the lease's tenure with that fence is durable; a later tenure may be lost by now.
    mutating func didEnd(_ name: LeaseName, fence: Token) {
        guard lost[name] == fence else { return }
        lost[name] = nil
    }

    /// No tenure of the lease has to end as lost any more.
    mutating func forgetLoss(of name: LeaseName) {
        lost[name] = nil
    }
}
