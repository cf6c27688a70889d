internal import LeaseCore
internal import LeaseWire

/// The commands on the store.
///
/// Reads are repeatable. Writes are not: another client may write between the two, and the second would undo that.
extension OutgoingCommand {
    static func put(_ key: Key, _ value: [UInt8], if guarding: LeaseGuard?) -> OutgoingCommand {
        OutgoingCommand([word("PUT"), key.bytes, value] + condition(guarding), isRepeatable: false)
    }

    static func get(_ key: Key) -> OutgoingCommand {
        OutgoingCommand([word("GET"), key.bytes], isRepeatable: true)
    }

    static func delete(_ key: Key, if guarding: LeaseGuard?) -> OutgoingCommand {
        OutgoingCommand([word("DELETE"), key.bytes] + condition(guarding), isRepeatable: false)
    }

    static func append(_ child: Key, to key: Key, if guarding: LeaseGuard?) -> OutgoingCommand {
        let words = [word("PREFIX"), word("APPEND"), key.bytes, child.bytes]
        return OutgoingCommand(words + condition(guarding), isRepeatable: false)
    }

    static func children(of key: Key, after: Key?, count: Int?) -> OutgoingCommand {
        let words = [word("PREFIX"), word("LIST"), key.bytes]
        return OutgoingCommand(words + page(after: after, count: count), isRepeatable: true)
    }

    static func contains(_ child: Key, under key: Key) -> OutgoingCommand {
        OutgoingCommand([word("PREFIX"), word("CONTAINS"), key.bytes, child.bytes], isRepeatable: true)
    }

    static func remove(_ child: Key, from key: Key, if guarding: LeaseGuard?) -> OutgoingCommand {
        let words = [word("PREFIX"), word("REMOVE"), key.bytes, child.bytes]
        return OutgoingCommand(words + condition(guarding), isRepeatable: false)
    }

    static func keys(prefix: [UInt8], after: Key?, count: Int?) -> OutgoingCommand {
        var words = [word("KEYS"), word("LIST")]
        if !prefix.isEmpty { words += [word("PREFIX"), prefix] }
        return OutgoingCommand(words + page(after: after, count: count), isRepeatable: true)
    }

    static func keys(above low: UInt64, upTo high: UInt64, after: Key?, count: Int?) -> OutgoingCommand {
        let words = [word("KEYS"), word("RANGE"), word(String(low)), word(String(high))]
        return OutgoingCommand(words + page(after: after, count: count), isRepeatable: true)
    }

    static func tracker(of key: Key) -> OutgoingCommand {
        OutgoingCommand([word("KEYS"), word("TRACKER"), key.bytes], isRepeatable: true)
    }

    static func removeKeys(_ keys: [Key]) -> OutgoingCommand {
        OutgoingCommand([word("KEYS"), word("REMOVE")] + keys.map(\.bytes), isRepeatable: false)
    }

    static func export(_ keys: [Key]) -> OutgoingCommand {
        OutgoingCommand([word("EXPORT")] + keys.map(\.bytes), isRepeatable: true)
    }

    static func importing(_ entries: [StoreEntry]) -> OutgoingCommand {
        OutgoingCommand([word("IMPORT")] + entries.flatMap(\.words), isRepeatable: false)
    }

    private static func condition(_ guarding: LeaseGuard?) -> [[UInt8]] {
        guarding.map { [word("IF"), $0.lease.bytes, word($0.token.description)] } ?? []
    }

    private static func page(after: Key?, count: Int?) -> [[UInt8]] {
        var words: [[UInt8]] = []
        if let after { words += [word("AFTER"), after.bytes] }
        if let count { words += [word("COUNT"), word(String(count))] }
        return words
    }
}
