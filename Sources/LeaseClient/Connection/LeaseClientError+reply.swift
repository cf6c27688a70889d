internal import LeaseCore
internal import LeaseWire

extension LeaseClientError {
    /// Reads an error that the daemon answered.
    init(reply text: String) {
        if let error = LeaseError(reply: text) {
            self.init(error)
        } else {
            self.init(.protocolViolation, "the daemon answered an error that this client does not know: \(text)")
        }
    }
}
