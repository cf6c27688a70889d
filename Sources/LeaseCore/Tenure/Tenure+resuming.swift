/// How a tenure goes on when its store is opened again.
package struct Resumption: Hashable, Sendable {
    /// The deadline from now on.
    package let deadline: Moment
    /// The end of a running revocation from now on, if it has moved.
    package let revocationEnd: Moment?
    /// Whether this used up the one extension that a grant or renewal has.
    package let isExtension: Bool
    /// Whether the tenure goes on by time alone, since what it hung on is gone.
    package let isDetached: Bool

    /// Creates a resumption.
    package init(deadline: Moment, revocationEnd: Moment?, isExtension: Bool, isDetached: Bool = false) {
        self.deadline = deadline
        self.revocationEnd = revocationEnd
        self.isExtension = isExtension
        self.isDetached = isDetached
    }
}

extension Tenure {
    /// The longest time that a restart gives a holder to come back.
    package static let restartGrace = Duration.seconds(10)

    /// The tenure after a restart in the same boot, or `nil` if nothing changes.
    ///
    /// While the daemon was down nobody could be granted, so a restart takes no lease away: the deadline becomes
    /// max(deadline, restart + min(TTL, 10 s)), once for each grant or renewal, and for each binding or tie by which its holder
    /// has come back since. A running revocation gets no such grace.
    ///
    /// What it hung on is gone, unless its tie was kept: it goes on by time until its holder binds or ties again.
    package func resumptionAfterRestart(at now: Moment, isTieKept: Bool = false) -> Resumption? {
        let isDetached = attachment == .bound || (attachment == .tied && !isTieKept)
        // Most have more time left than a restart gives, and there may be a million of them.
        guard isDetached || deadline.boot < now.boot.advanced(by: Self.restartGrace) else { return nil }
        let extended = now.advanced(by: min(ttl.duration, Self.restartGrace))
        let isExtension = !isExtended && extended.boot > deadline.boot
        guard isExtension || isDetached else { return nil }
        return Resumption(
            deadline: isExtension ? extended : deadline,
            revocationEnd: nil,
            isExtension: isExtension,
            isDetached: isDetached
        )
    }

    /// The tenure after a reboot, or in another time namespace, where the old boot clock means nothing.
    ///
    /// What is left is taken from the wall clock: at least nothing and at most the TTL, so that a clock that was set back
    /// cannot make a lease last longer than it was granted for.
    ///
    /// Only for a tenure that goes by time alone: a bound or tied one is over, since its holder is.
    package func resumptionAfterReboot(at now: Moment) -> Resumption {
        func rebased(_ wall: WallInstant, atMost limit: Duration) -> Moment {
            now.advanced(by: min(max(now.wall.duration(to: wall), .zero), limit))
        }
        // A revocation may be longer than the TTL; the deadline bounds it all the same.
        return Resumption(
            deadline: rebased(deadline.wall, atMost: ttl.duration),
            revocationEnd: revocation.map { rebased($0.end.wall, atMost: ttl.duration) },
            isExtension: false
        )
    }
}
