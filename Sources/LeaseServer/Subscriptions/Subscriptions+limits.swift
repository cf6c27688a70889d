import LeaseCore
import LeaseWire

/// What subscribers may cost.
extension Subscriptions {
    /// Refuses all of these names if they are too many.
    ///
    /// - Throws: ``LeaseError/Code/busy``; nothing was changed.
    func requireRoom(_ names: Set<LeaseName>, to session: Session, limits: Limits) throws(LeaseError) {
        try requireRoom(names.count, to: session, limits: limits)
    }

    /// Refuses all of these patterns if they are too many, or too long.
    ///
    /// - Throws: ``LeaseError/Code/busy``; nothing was changed.
    func requireRoom(_ globs: Set<Glob>, to session: Session, limits: Limits) throws(LeaseError) {
        try requireRoom(globs.count, to: session, limits: limits)
        let caller = session.caller
        let reserve = caller.isAdministrator ? 0 : limits.reserved(of: limits.patterns)
        guard patternCount + unwatched(globs) <= limits.patterns - reserve || unwatched(globs) == 0 else {
            throw LeaseError(
                .busy,
                "\(patternCount) different patterns are watched, and \(limits.patterns) is the most; SUBSCRIBE to names, or raise the limit"
            )
        }
        let own = patternCount(ofUser: caller.uid)
        let new = unwatched(globs, byUser: caller.uid)
        guard caller.isAdministrator || own + new.count <= limits.patternsPerUser else {
            throw LeaseError(
                .busy,
                "uid \(caller.uid) watches \(own) different patterns, and \(limits.patternsPerUser) is the most for one user; SUBSCRIBE to names, or raise the limit"
            )
        }
        let bytes = patternBytes(ofUser: caller.uid)
        guard caller.isAdministrator || new.bytes == 0 || bytes + new.bytes <= limits.patternBytesPerUser else {
            throw LeaseError(
                .busy,
                "the patterns of uid \(caller.uid) have \(bytes) bytes, and \(limits.patternBytesPerUser) is the most for one user; shorten them, or raise the limit on patterns"
            )
        }
    }

    private func requireRoom(_ new: Int, to session: Session, limits: Limits) throws(LeaseError) {
        let caller = session.caller
        let here = count(of: session.id)
        guard here + new <= limits.subscriptionsPerConnection else {
            throw LeaseError(
                .busy,
                "this connection has \(here) subscriptions, and \(limits.subscriptionsPerConnection) is the most; use a pattern, or another connection"
            )
        }
        switch limits.subscriptionQuota.overrun(by: new, of: caller, counts) {
        case .total:
            throw LeaseError(
                .busy,
                "there are \(counts.total) subscriptions, and \(limits.subscriptions) is the most; use a pattern, or try again later"
            )
        case .user:
            throw LeaseError(
                .busy,
                "uid \(caller.uid) has \(counts[caller.uid]) subscriptions, and \(limits.subscriptionsPerUser) is the most for one user; use a pattern, or end some"
            )
        case nil:
            break
        }
    }
}
