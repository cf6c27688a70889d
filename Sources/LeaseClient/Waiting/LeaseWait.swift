/// How long a caller waits for a lease that is held.
public enum LeaseWait: Hashable, Sendable {
    /// Not at all: a held lease is a ``LeaseClientError/Code/conflict``.
    case none
    /// In the lease's queue, for this long; then it is a ``LeaseClientError/Code/timeout``.
    ///
    /// Rounded up to milliseconds. Zero or less is ``none``.
    case upTo(Duration)
    /// In the lease's queue, without a limit.
    case forever
}
