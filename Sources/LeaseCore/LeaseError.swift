/// Why a request on leases, or on the store beside them, was refused.
///
/// The codes are the error words of the protocol, one to one (`docs/PROTOCOL.md`, section 6). A refused request has
/// changed nothing: what was true before it is true after it.
public struct LeaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of refusal.
    ///
    /// Stable, for programs; a later release may add to it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidRequest, conflict, timeout, expired, revoked, badTTL, exists, denied, tooBig, busy, ioError
            case hashChanged, unavailable, unknownProtocol
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// Not a command, or its arguments do not fit.
        ///
        /// The word `ERR`.
        public static let invalidRequest = Code(.invalidRequest)
        /// The lease is held.
        ///
        /// The word `CONFLICT`.
        public static let conflict = Code(.conflict)
        /// The wait ended before the lease became free.
        ///
        /// The word `TIMEOUT`.
        public static let timeout = Code(.timeout)
        /// The token is not, or no longer, the lease's.
        ///
        /// The word `EXPIRED`.
        public static let expired = Code(.expired)
        /// The tenure is being ended by force.
        ///
        /// The word `REVOKED`.
        public static let revoked = Code(.revoked)
        /// The TTL is under a second or over the limit.
        ///
        /// The word `BADTTL`.
        public static let badTTL = Code(.badTTL)
        /// The child is already under the prefix.
        ///
        /// The word `EXISTS`.
        public static let exists = Code(.exists)
        /// This user may not do this here.
        ///
        /// The word `DENIED`.
        public static let denied = Code(.denied)
        /// A name, value, argument count or list is over its limit.
        ///
        /// The word `TOOBIG`.
        public static let tooBig = Code(.tooBig)
        /// A limit is reached, and nothing was done.
        ///
        /// There are limits on connections, leases, waiters, ties, subscriptions, queued commands and the store's size.
        ///
        /// The word `BUSY`.
        public static let busy = Code(.busy)
        /// The store refused before anything was made durable, or tokens are exhausted.
        ///
        /// The word `IOERR`.
        public static let ioError = Code(.ioError)
        /// The store was made with another key hash function.
        ///
        /// The word `HASHCHANGED`.
        public static let hashChanged = Code(.hashChanged)
        /// A remote store cannot be reached just now.
        ///
        /// The word `UNAVAILABLE`.
        public static let unavailable = Code(.unavailable)
        /// `HELLO` asked for a protocol version that does not exist.
        ///
        /// The word `NOPROTO`.
        public static let unknownProtocol = Code(.unknownProtocol)

        /// Every code of this release, in the order of `docs/PROTOCOL.md`, section 6.
        public static let all: [Code] = [
            .invalidRequest, .conflict, .timeout, .expired, .revoked, .badTTL, .exists, .denied, .tooBig, .busy,
            .ioError, .hashChanged, .unavailable, .unknownProtocol,
        ]

        /// The code's name in Swift.
        public var description: String { kind.rawValue }
    }

    /// The kind of refusal.
    public let code: Code

    /// A sentence for people: it names the values and says what to do next.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the sentence.
    public var description: String { "\(code): \(message)" }
}
