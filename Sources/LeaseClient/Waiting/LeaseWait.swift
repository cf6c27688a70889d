/// How long a caller waits for a lease that is held.
public enum LeaseWait: Hashable, Sendable {
    /// Not at all: a held lease is a ``LeaseClientError/Code/conflict``.
    case none
    /// In the lease's queue, for so long; then it is a ``LeaseClientError/Code/timeout``.
    ///
    /// To the millisecond, rounded up. Zero or less is ``none``.
    case upTo(Duration)
    /// In the lease's queue, for any time.
    case forever
}
