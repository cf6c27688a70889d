/// How a tenure ended.
public struct TenureEnd: Hashable, Sendable {
    /// What ended it.
    public enum Cause: Int64, Hashable, Sendable, CaseIterable {
        /// Its holder gave it back.
        case released = 1
        /// Its deadline came.
        case expired = 2
        /// An administrator, or its own user, ended it.
        case revoked = 3
    }

    /// What ended it.
    public let cause: Cause
    /// Why it was revoked, for people; empty otherwise, or if nobody said.
    public let reason: Label

    /// The end of a tenure whose key was removed with all that it had.
    public static let removal = TenureEnd(.revoked, reason: .removed)

    /// Creates an end.
    public init(_ cause: Cause, reason: Label = .empty) {
        self.cause = cause
        self.reason = reason
    }
}

extension Tenure {
    /// Whether, and how, the tenure has ended by time: at the instant `now >= end`, and not before.
    ///
    /// The only place where a deadline is compared with a clock. Of two ends the nearer counts; a revocation that comes
    /// at the very instant of the deadline is the end by force that it was announced to be.
    public func ending(at now: BootInstant) -> TenureEnd? {
        guard now >= end else { return nil }
        guard let revocation, revocation.end.boot <= deadline.boot else { return TenureEnd(.expired) }
        return TenureEnd(.revoked, reason: revocation.reason)
    }

    /// When the tenure ends by time: the nearer of its deadline and a revocation's end.
    public var end: BootInstant {
        guard let revocation else { return deadline.boot }
        return min(deadline.boot, revocation.end.boot)
    }

    /// What is left until ``end``, zero if nothing is.
    public func remaining(at now: BootInstant) -> Duration {
        max(now.duration(to: end), .zero)
    }
}
