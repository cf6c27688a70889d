internal import LeaseCore
internal import LeaseWire

extension Answer {
    /// The reply; throws if it is an error.
    func value() throws(LeaseClientError) -> RESPValue {
        if case .error(let text) = reply { throw LeaseClientError(reply: text) }
        return reply
    }

    /// The token that a command answered.
    func token(of command: String) throws(LeaseClientError) -> Token {
        guard let token = try value().integer.flatMap(Token.init(rawValue:)) else { throw .unexpected(command) }
        return token
    }

    /// What `CHECK` answered.
    func milliseconds() throws(LeaseClientError) -> Duration {
        guard let milliseconds = try value().integer else { throw .unexpected("CHECK") }
        return .milliseconds(milliseconds)
    }

    /// What `HOLDER` answered.
    func status() throws(LeaseClientError) -> LeaseStatus? {
        let reply = try value()
        guard !reply.isNull else { return nil }
        guard let status = LeaseStatusReply(reply) else { throw .unexpected("HOLDER") }
        return LeaseStatus(status)
    }
}

extension Label {
    /// A label that a caller gave.
    init(checking text: String) throws(LeaseClientError) {
        do {
            try self.init(text)
        } catch {
            throw LeaseClientError(error)
        }
    }
}
