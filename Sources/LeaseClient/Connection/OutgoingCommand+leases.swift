internal import LeaseCore
internal import LeaseWire
internal import NIOCore

/// The commands on leases. A command is repeatable if sending it twice has no more effect than sending it once.
extension OutgoingCommand {
    /// Asks for a grant.
    ///
    /// The request id makes it repeatable. If nobody waits for the grant any more, it is released.
    ///
    /// - Parameter isBound: whether the tenure ends with the connection that this is sent on.
    static func acquire(
        _ name: LeaseName,
        ttl: TTL,
        owner: Label?,
        request: RequestID,
        isBound: Bool = false
    ) -> OutgoingCommand {
        let words = acquire(name, ttl: ttl, wait: .none, owner: owner, request: request, isBound: isBound)
        var command = OutgoingCommand(words, isRepeatable: true)
        command.whenCancelled = .awaited
        command.undo = { reply in
            reply.integer.flatMap(Token.init(rawValue:)).map { release(name, token: $0).bytes }
        }
        return command
    }

    /// Joins the queue of a lease, on a separate connection.
    ///
    /// The request id makes it repeatable, but not with the same bytes: less of the wait is left.
    static func join(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait,
        owner: Label?,
        request: RequestID,
        isBound: Bool
    ) -> OutgoingCommand {
        let words = acquire(name, ttl: ttl, wait: wait, owner: owner, request: request, isBound: isBound)
        var command = OutgoingCommand(words, isRepeatable: false)
        command.whenCancelled = .endsWait
        return command
    }

    private static func acquire(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait,
        owner: Label?,
        request: RequestID,
        isBound: Bool
    ) -> [[UInt8]] {
        var words = [word("ACQUIRE"), name.bytes, word(ttl.description)]
        switch wait {
        case .none: break
        case .upTo(let duration): words += [word("WAIT"), word(DurationText.format(duration))]
        case .forever: words += [word("WAIT"), word("FOREVER")]
        }
        if let owner { words += [word("OWNER"), word(owner.text)] }
        words += [word("REQUEST"), request.bytes]
        return isBound ? words + [word("BIND")] : words
    }

    /// Asks for more time.
    ///
    /// The request id makes it repeatable.
    static func renew(
        _ name: LeaseName,
        token: Token,
        ttl: TTL,
        request: RequestID,
        binding: Binding = .keep
    ) -> OutgoingCommand {
        var words = [word("RENEW"), name.bytes, word(token.description), word(ttl.description)]
        words += [word("REQUEST"), request.bytes]
        switch binding {
        case .keep: break
        case .bind: words.append(word("BIND"))
        case .unbind: words.append(word("UNBIND"))
        }
        var command = OutgoingCommand(words, isRepeatable: true)
        // Closing the connection that it was bound to would end the tenure.
        if binding == .bind { command.whenCancelled = .awaited }
        return command
    }

    /// Ties the tenure to the connection that it is sent on; nothing can be sent there afterwards.
    ///
    /// A second tie replaces the first.
    static func tie(_ name: LeaseName, token: Token) -> OutgoingCommand {
        var command = OutgoingCommand([word("TIE"), name.bytes, word(token.description)], isRepeatable: true)
        // Closing a completed tie would end the tenure.
        command.whenCancelled = .awaited
        return command
    }

    /// Releases the lease.
    ///
    /// A repetition answers `EXPIRED`, which then counts as success.
    static func release(_ name: LeaseName, token: Token) -> OutgoingCommand {
        OutgoingCommand([word("RELEASE"), name.bytes, word(token.description)], isRepeatable: true)
    }

    static func check(_ name: LeaseName, token: Token) -> OutgoingCommand {
        OutgoingCommand([word("CHECK"), name.bytes, word(token.description)], isRepeatable: true)
    }

    static func holder(_ name: LeaseName) -> OutgoingCommand {
        OutgoingCommand([word("HOLDER"), name.bytes], isRepeatable: true)
    }

    static func leases(prefix: [UInt8], after: LeaseName?, count: Int?) -> OutgoingCommand {
        var words = [word("LEASES")]
        if !prefix.isEmpty { words += [word("PREFIX"), prefix] }
        if let after { words += [word("AFTER"), after.bytes] }
        if let count { words += [word("COUNT"), word(String(count))] }
        return OutgoingCommand(words, isRepeatable: true)
    }

    /// Ends a tenure by force.
    ///
    /// A repetition would replace the time of the first, and might hit another tenure.
    static func revoke(_ name: LeaseName, after: Duration?, reason: Label?) -> OutgoingCommand {
        var words = [word("REVOKE"), name.bytes]
        if let after { words += [word("AFTER"), word(DurationText.format(after))] }
        if let reason { words += [word("REASON"), word(reason.text)] }
        return OutgoingCommand(words, isRepeatable: false)
    }

    /// A one-word command that only reads, or that is harmless to repeat.
    static func plain(_ name: String) -> OutgoingCommand {
        OutgoingCommand([word(name)], isRepeatable: true)
    }

    /// Text as an argument.
    static func word(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }
}
