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
        /// Its holder died, or hung up: the connection or tie that it hung on is gone.
        case lost = 4
    }

    /// What ended it.
    package let cause: Cause
    /// Why it was revoked, for people; empty otherwise, or if nobody said.
    package let reason: Label

    /// The end of a tenure whose key was removed with all that it had.
    package static let removal = TenureEnd(.revoked, reason: .removed)

    /// Creates an end.
    package init(_ cause: Cause, reason: Label = .empty) {
        self.cause = cause
        self.reason = reason
    }
}

extension Tenure {
    /// Whether, and how, the tenure has ended by time: at the instant `now >= end`, and not before.
    ///
    /// The only place where a deadline is compared with a clock. A tied tenure passes its deadline and is held on; only
    /// a revocation ends it by time. Of two ends the nearer counts; a revocation that comes at the very instant of the
    /// deadline is the end by force that it was announced to be.
    package func ending(at now: BootInstant) -> TenureEnd? {
        if let revocation, now >= revocation.end.boot, attachment == .tied || revocation.end.boot <= deadline.boot {
            return TenureEnd(.revoked, reason: revocation.reason)
        }
        guard attachment != .tied, now >= deadline.boot else { return nil }
        return TenureEnd(.expired)
    }

    /// When the tenure ends by time, or `nil` if it does not: the nearer of its deadline, unless it is tied, and a
    /// revocation's end.
    package var end: BootInstant? {
        attachment == .tied ? revocation?.end.boot : nearestEnd
    }

    /// When time next does something to the tenure, or `nil` if it does not: its end, or that it becomes overdue.
    package var due: BootInstant? {
        attachment == .tied && !isOverdueNoted ? nearestEnd : end
    }

    /// Whether the tenure is past its deadline and held on by its tie.
    package func isOverdue(at now: BootInstant) -> Bool {
        attachment == .tied && now >= deadline.boot
    }

    /// What is left until the nearer of the deadline and a revocation's end, zero if nothing is.
    package func remaining(at now: BootInstant) -> Duration {
        max(now.duration(to: nearestEnd), .zero)
    }

    /// Who holds the lease, and for how long, in a sentence.
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
