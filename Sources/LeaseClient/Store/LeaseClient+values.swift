public import LeaseCore
internal import LeaseWire

/// Simple values: at most one for each key, next to its children and its lease.
///
/// No write to the store is ever sent twice: another client's write may have come in between, and the second would undo
/// it. So a write whose answer was lost fails with ``LeaseClientError/Code/connectionClosed``, and whether it was done
/// is unknown; a caller that knows that a repetition is harmless can call again. Reads are repeated.
extension LeaseClient {
    /// Sets a key's simple value.
    ///
    /// - Parameters:
    ///   - key: the key.
    ///   - value: any bytes, by default at most 1 MiB (a setting of the daemon). An empty value is a value.
    ///   - condition: the lease that must be held, or `nil` for none.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the condition does not hold; nothing was
    ///   written then.
    public func put(
        _ key: Key,
        _ value: [UInt8],
        if condition: LeaseGuard? = nil
    ) async throws(LeaseClientError) {
        try await confirm(.put(key, value, if: condition), "PUT")
    }

    /// A key's simple value.
    ///
    /// Returns `nil` if it has none.
    public func get(_ key: Key) async throws(LeaseClientError) -> [UInt8]? {
        let reply = try await reply(to: .get(key))
        guard !reply.isNull else { return nil }
        guard let value = reply.bytes else { throw .unexpected("GET") }
        return value
    }

    /// Removes a key's simple value; its children and its lease stay.
    ///
    /// - Parameters:
    ///   - key: the key.
    ///   - condition: the lease that must be held, or `nil` for none.
    /// - Returns: whether there was one.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the condition does not hold; nothing was
    ///   removed then.
    @discardableResult
    public func delete(_ key: Key, if condition: LeaseGuard? = nil) async throws(LeaseClientError) -> Bool {
        try await count(.delete(key, if: condition), "DELETE") != 0
    }
}

extension LeaseClient {
    /// Sends a command whose answer is `OK`.
    func confirm(_ command: OutgoingCommand, _ name: String) async throws(LeaseClientError) {
        guard try await reply(to: command).text == "OK" else { throw .unexpected(name) }
    }

    /// Sends a command whose answer is a number.
    func count(_ command: OutgoingCommand, _ name: String) async throws(LeaseClientError) -> Int {
        guard let count = try await reply(to: command).integer else { throw .unexpected(name) }
        return Int(count)
    }

    /// Sends a command whose answer is a list, and reads each element.
    func list<Element>(
        _ command: OutgoingCommand,
        _ name: String,
        _ read: (RESPValue) -> Element?
    ) async throws(LeaseClientError) -> [Element] {
        guard let values = try await reply(to: command).elements else { throw .unexpected(name) }
        var elements: [Element] = []
        elements.reserveCapacity(values.count)
        for value in values {
            guard let element = read(value) else { throw .unexpected(name) }
            elements.append(element)
        }
        return elements
    }
}
