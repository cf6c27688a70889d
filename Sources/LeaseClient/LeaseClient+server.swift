internal import LeaseWire

extension LeaseClient {
    /// Asks whether the daemon is there.
    ///
    /// Returns when it has answered.
    public func ping() async throws(LeaseClientError) {
        guard try await reply(to: .plain("PING")).text == "PONG" else { throw .unexpected("PING") }
    }

    /// Asks how the daemon is.
    ///
    /// Returns its sections and their fields in its order.
    public func info() async throws(LeaseClientError) -> [InfoSection] {
        guard let text = try await reply(to: .plain("INFO")).text else { throw .unexpected("INFO") }
        return InfoSection.parse(text)
    }
}
