public import LeaseCore

/// Why a call of ``LeaseClient`` failed.
public struct LeaseClientError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    ///
    /// Stable, for programs; a later release may add to it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: Hashable, Sendable {
            case answer(LeaseError.Code)
            case connectionFailed, connectionClosed, clientClosed, noAnswer, protocolViolation, cancelled
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// The code of an answer of the daemon.
        public init(_ code: LeaseError.Code) {
            self.init(.answer(code))
        }

        /// The daemon cannot be reached.
        ///
        /// Nothing was sent.
        public static let connectionFailed = Code(.connectionFailed)
        /// The connection was lost before the answer came.
        ///
        /// The command may have been done.
        public static let connectionClosed = Code(.connectionClosed)
        /// This process closed the client (``LeaseClient/close()``), before the call or before its answer came.
        ///
        /// A command that had been sent may have been done.
        public static let clientClosed = Code(.clientClosed)
        /// No answer came within ``LeaseClient/Configuration/requestTimeout``, counted from the end of a wait.
        ///
        /// The command may have been done.
        public static let noAnswer = Code(.noAnswer)
        /// The daemon's answer is not one that this client knows.
        public static let protocolViolation = Code(.protocolViolation)
        /// The task was cancelled before the answer came.
        ///
        /// A command that had been sent may have been done. A grant was released, or ends by its TTL, if the daemon
        /// could not be reached again.
        public static let cancelled = Code(.cancelled)

        /// A value was refused before anything was sent, or the daemon did not understand the command.
        public static let invalidRequest = Code(LeaseError.Code.invalidRequest)
        /// The lease is held.
        public static let conflict = Code(LeaseError.Code.conflict)
        /// The wait ended before the lease became free.
        public static let timeout = Code(LeaseError.Code.timeout)
        /// The token is not, or no longer, the lease's.
        public static let expired = Code(LeaseError.Code.expired)
        /// The tenure is being ended by force.
        public static let revoked = Code(LeaseError.Code.revoked)
        /// The TTL is outside its bounds.
        public static let badTTL = Code(LeaseError.Code.badTTL)
        /// The child is already under the prefix.
        public static let exists = Code(LeaseError.Code.exists)
        /// This user may not do this here.
        public static let denied = Code(LeaseError.Code.denied)
        /// A name, value, argument count or list is over its limit.
        public static let tooBig = Code(LeaseError.Code.tooBig)
        /// A limit on connections, leases or commands under way is reached.
        ///
        /// Nothing was done.
        public static let busy = Code(LeaseError.Code.busy)
        /// The store refused before anything was made durable.
        public static let ioError = Code(LeaseError.Code.ioError)
        /// The store was made with another key hash function.
        public static let hashChanged = Code(LeaseError.Code.hashChanged)
        /// A remote store cannot be reached just now.
        public static let unavailable = Code(LeaseError.Code.unavailable)
        /// The daemon does not speak RESP3.
        public static let unknownProtocol = Code(LeaseError.Code.unknownProtocol)

        /// What the daemon answered, or `nil` if the failure is not an answer.
        public var answer: LeaseError.Code? {
            guard case .answer(let code) = kind else { return nil }
            return code
        }

        /// The code's name in Swift.
        public var description: String {
            switch kind {
            case .answer(let code): code.description
            case .connectionFailed: "connectionFailed"
            case .connectionClosed: "connectionClosed"
            case .clientClosed: "clientClosed"
            case .noAnswer: "noAnswer"
            case .protocolViolation: "protocolViolation"
            case .cancelled: "cancelled"
            }
        }
    }

    /// The kind of failure.
    public let code: Code

    /// A sentence for people: it names the values and says what to do next.
    public let message: String

    /// What the failure came from, if it came from elsewhere: for example the error of connect(2).
    public let underlyingError: (any Error)?

    /// The fence of a grant that arrived although the call was cancelled, and that the client has released.
    ///
    /// `nil` if the client knows of none, or if the daemon has not confirmed the release.
    public let returnedFence: Token?

    /// How the lease was lost that ``LeaseClient/withLease(_:ttl:wait:holding:owner:grace:body:)`` held; else `nil`.
    public let loss: LeaseLoss?

    /// Creates an error.
    public init(_ code: Code, _ message: String, underlyingError: (any Error)? = nil) {
        self.init(code, message, underlyingError: underlyingError, returnedFence: nil, loss: nil)
    }

    private init(
        _ code: Code,
        _ message: String,
        underlyingError: (any Error)? = nil,
        returnedFence: Token? = nil,
        loss: LeaseLoss? = nil
    ) {
        self.code = code
        self.message = message
        self.underlyingError = underlyingError
        self.returnedFence = returnedFence
        self.loss = loss
    }

    /// A lease was lost while a call held it.
    init(_ loss: LeaseLoss) {
        self.init(loss.reason == .revoked ? .revoked : .expired, loss.message, loss: loss)
    }

    /// The task was cancelled after the lease was granted; the lease was released.
    static func cancelled(returning fence: Token) -> LeaseClientError {
        LeaseClientError(.cancelled, cancelled.message, returnedFence: fence)
    }

    /// Creates an error from one that the daemon answered, or would answer, with the same code and sentence.
    public init(_ error: LeaseError) {
        self.init(Code(error.code), error.message)
    }

    /// The code and the sentence.
    public var description: String { "\(code): \(message)" }
}

extension LeaseClientError {
    /// The task was cancelled.
    static let cancelled = LeaseClientError(.cancelled, "the call was cancelled")

    /// The client itself was closed.
    static let closed = LeaseClientError(.clientClosed, "the client is closed")

    /// The connection for a binding or tie ended before it could be used.
    static let lostAttachment = LeaseClientError(
        .connectionClosed,
        "the connection that the lease was to hang on was lost; the daemon restarted, perhaps"
    )

    /// An answer that does not fit the command.
    static func unexpected(_ command: String) -> LeaseClientError {
        LeaseClientError(.protocolViolation, "the daemon's answer to \(command) is none that this client knows")
    }
}
