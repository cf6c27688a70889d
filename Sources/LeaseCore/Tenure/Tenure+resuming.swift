/// How a tenure continues when its store is opened again.
package struct Resumption: Hashable, Sendable {
    /// The deadline from now on.
    package let deadline: Moment
    /// The new end of a running revocation, if it has moved.
    package let revocationEnd: Moment?
    /// Whether this uses up the one extension that a grant, renewal, binding or tie gives.
    package let isExtension: Bool
    /// Whether the tenure depends on time alone from now on, since its connection or tie is gone.
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

    /// How the tenure continues after a restart in the same boot, or `nil` if nothing changes.
    ///
    /// While the daemon was down, nobody could acquire the lease, so a restart takes none away: the deadline becomes
    /// max(deadline, restart + min(TTL, 10 s)), once for each grant or renewal, and for each later binding or tie,
    /// which shows that the holder is back. A running revocation is not extended.
    ///
    /// A binding is gone, and so is a tie unless it was kept: the tenure then depends on time until its holder binds or
    /// ties it again.
    package func resumptionAfterRestart(at now: Moment, isTieKept: Bool = false) -> Resumption? {
        let isDetached = attachment == .bound || (attachment == .tied && !isTieKept)
        // Most tenures have more time left than a restart gives, and there may be a million of them.
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

    /// How the tenure continues after a reboot, or in another time namespace, where the old boot clock means nothing.
    ///
    /// The time left is taken from the wall clock: at least zero and at most the TTL, so that a clock that was set back
    /// cannot make a lease last longer than it was granted for.
    ///
    /// Only for a tenure that depends on time alone: a bound or tied one is over, since its holder is gone.
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
