/// How a tenure ended.
package struct TenureEnd: Hashable, Sendable {
    /// What ended it.
    package enum Cause: Int64, Hashable, Sendable, CaseIterable {
        /// Its holder gave it back.
        case released = 1
        /// Its deadline came.
        case expired = 2
        /// An administrator, or its own user, ended it.
        case revoked = 3
        /// Its holder died or hung up: the connection or tie that it depended on is gone.
        case lost = 4
    }

    /// What ended it.
    package let cause: Cause
    /// Why it was revoked, for people; empty otherwise, or if no reason was given.
    package let reason: Label

    /// The end of a tenure whose key was removed with everything it had.
    package static let removal = TenureEnd(.revoked, reason: .removed)

    /// Creates an end.
    package init(_ cause: Cause, reason: Label = .empty) {
        self.cause = cause
        self.reason = reason
    }
}

extension Tenure {
    /// How the tenure has ended by time, or `nil` if it has not: it ends when `now >= end`, and not before.
    ///
    /// This is the only place that decides whether a tenure has ended by time. A tied tenure stays in force after its
    /// deadline; only a revocation ends it by time. Of two ends the earlier counts; a revocation that ends at the very
    /// instant of the deadline counts as revoked.
    package func ending(at now: BootInstant) -> TenureEnd? {
        if let revocation, now >= revocation.end.boot, attachment == .tied || revocation.end.boot <= deadline.boot {
            return TenureEnd(.revoked, reason: revocation.reason)
        }
        guard attachment != .tied, now >= deadline.boot else { return nil }
        return TenureEnd(.expired)
    }

    /// When the tenure ends by time, or `nil` if it does not: the earlier of its deadline, unless it is tied, and a
    /// revocation's end.
    package var end: BootInstant? {
        attachment == .tied ? revocation?.end.boot : nearestEnd
    }

    /// When time next affects the tenure, or `nil` if it does not: when it ends, or becomes overdue.
    package var due: BootInstant? {
        attachment == .tied && !isOverdueNoted ? nearestEnd : end
    }

    /// Whether the tenure is past its deadline, and its tie keeps it in force.
    package func isOverdue(at now: BootInstant) -> Bool {
        attachment == .tied && now >= deadline.boot
    }

    /// The time left until the earlier of the deadline and a revocation's end, or zero.
    package func remaining(at now: BootInstant) -> Duration {
        max(now.duration(to: nearestEnd), .zero)
    }

    /// A sentence that says who holds the lease, and for how long.
    package func account(of name: LeaseName, at now: BootInstant) -> String {
        let left = remaining(at: now).wholeMilliseconds
        let end = isOverdue(at: now) ? "\(left) ms and on as long as its processes live" : "\(left) ms more"
        return "lease '\(name)' is held by '\(holder.owner)' for \(end)"
    }

    private var nearestEnd: BootInstant {
        guard let revocation else { return deadline.boot }
        return min(deadline.boot, revocation.end.boot)
    }
}
