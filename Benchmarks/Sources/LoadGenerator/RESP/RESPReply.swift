/// One reply of the Redis serialisation protocol, in the detail that the generator needs.
package enum RESPReply: Hashable, Sendable {
    case simple
    case error(String)
    case number(Int)
    case bulk([UInt8])
    case null
}
