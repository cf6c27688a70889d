/// The condition of a write that only a lease's holder may make: `IF lease token`.
///
/// It holds while the lease's tenure is in force and the token is its fence or its newest token. It is checked in the
/// transaction of the write, so a holder whose tenure is over never writes, whatever was delayed.
public struct LeaseGuard: Hashable, Sendable {
    /// The lease.
    public let lease: LeaseName
    /// The fence or the newest token of its tenure.
    public let token: Token

    /// Creates a condition.
    public init(lease: LeaseName, token: Token) {
        self.lease = lease
        self.token = token
    }
}
