internal import LeaseWire

extension LeaseClient {
    /// Checks that the daemon answers.
    public func ping() async throws(LeaseClientError) {
        guard try await reply(to: .plain("PING")).text == "PONG" else { throw .unexpected("PING") }
    }

    /// The daemon's report about itself: its sections and fields, in its order.
    public func info() async throws(LeaseClientError) -> [InfoSection] {
        guard let text = try await reply(to: .plain("INFO")).text else { throw .unexpected("INFO") }
        return InfoSection.parse(text)
    }
}
