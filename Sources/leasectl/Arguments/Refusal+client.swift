import LeaseClient

extension Refusal {
    /// What an error of the client library means for the one who typed the command.
    init(_ error: LeaseClientError) {
        kind =
            switch error.code {
            case .conflict, .timeout: .held
            case .expired, .revoked: .lost
            case .denied: .denied
            case .badTTL, .invalidRequest, .tooBig: .usage
            case .connectionFailed, .connectionClosed, .timedOut, .busy, .ioError, .unavailable: .unreachable
            default: .internalError
            }
        message = error.message
    }
}
