internal import LeaseCore
internal import LeaseWire
internal import NIOCore

/// The commands on leases as they are sent. A command is repeatable if a second one cannot do more than the first did.
extension OutgoingCommand {
    /// Asks for a grant.
    ///
    /// The request id makes it repeatable; a grant that nobody waits for any more is released.
    static func acquire(_ name: LeaseName, ttl: TTL, owner: Label?, request: RequestID) -> OutgoingCommand {
        var words = [word("ACQUIRE"), name.bytes, word(ttl.description)]
        if let owner { words += [word("OWNER"), word(owner.text)] }
        var command = OutgoingCommand(words + [word("REQUEST"), request.bytes], isRepeatable: true)
        command.undo = { reply in
            reply.integer.flatMap(Token.init(rawValue:)).map { release(name, token: $0).bytes }
        }
        return command
    }

    /// Asks for more time.
    ///
    /// The request id makes it repeatable.
    static func renew(_ name: LeaseName, token: Token, ttl: TTL, request: RequestID) -> OutgoingCommand {
        let words = [word("RENEW"), name.bytes, word(token.description), word(ttl.description)]
        return OutgoingCommand(words + [word("REQUEST"), request.bytes], isRepeatable: true)
    }

    /// Gives the lease back.
    ///
    /// A second one answers `EXPIRED`, which is then taken as done.
    static func release(_ name: LeaseName, token: Token) -> OutgoingCommand {
        OutgoingCommand([word("RELEASE"), name.bytes, word(token.description)], isRepeatable: true)
    }

    /// Asks what is left.
    static func check(_ name: LeaseName, token: Token) -> OutgoingCommand {
        OutgoingCommand([word("CHECK"), name.bytes, word(token.description)], isRepeatable: true)
    }

    /// Asks who holds it.
    static func holder(_ name: LeaseName) -> OutgoingCommand {
        OutgoingCommand([word("HOLDER"), name.bytes], isRepeatable: true)
    }

    /// Asks for the leases that are held.
    static func leases(prefix: [UInt8], after: LeaseName?, count: Int?) -> OutgoingCommand {
        var words = [word("LEASES")]
        if !prefix.isEmpty { words += [word("PREFIX"), prefix] }
        if let after { words += [word("AFTER"), after.bytes] }
        if let count { words += [word("COUNT"), word(String(count))] }
        return OutgoingCommand(words, isRepeatable: true)
    }

    /// Ends a tenure by force.
    ///
    /// A second one replaces the time of the first, and may meet another tenure.
    static func revoke(_ name: LeaseName, after: Duration?, reason: Label?) -> OutgoingCommand {
        var words = [word("REVOKE"), name.bytes]
        if let after { words += [word("AFTER"), word(DurationText.format(after))] }
        if let reason { words += [word("REASON"), word(reason.text)] }
        return OutgoingCommand(words, isRepeatable: false)
    }

    /// A command of one word that only reads, or whose doing twice harms nobody.
    static func plain(_ name: String) -> OutgoingCommand {
        OutgoingCommand([word(name)], isRepeatable: true)
    }

    /// A word of text.
    static func word(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }
}
