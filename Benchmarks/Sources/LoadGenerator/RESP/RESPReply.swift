/// One reply of the Redis serialisation protocol, as much of it as the generator looks at.
package enum RESPReply: Hashable, Sendable {
    case simple
    case error(String)
    case number(Int)
    case bulk([UInt8])
    case null
}
