import LeaseClient

extension Refusal {
    /// What an error of the client library means for the user.
    init(_ error: LeaseClientError) {
        kind =
            switch error.code {
            case .conflict, .timeout: .held
            case .expired, .revoked: .lost
            case .denied: .denied
            case .badTTL, .invalidRequest, .tooBig: .usage
            case .connectionFailed where error.isSocketClosedToUser: .closed
            case .connectionFailed where error.isOwnShortage: .shortage
            case .connectionFailed, .connectionClosed, .clientClosed, .noAnswer: .unreachable
            case .busy, .ioError, .unavailable: .unable
            default: .internalError
            }
        message = error.message
    }
}

extension Failure {
    /// The failure of a command that the client library could not carry out.
    init(_ error: LeaseClientError) {
        let refusal = Refusal(error)
        // An existing child is an answer, as in a test: no.
        self.init(error.code == .exists ? ExitStatus.isAnother : refusal.kind.exitStatus, refusal.message)
    }
}
