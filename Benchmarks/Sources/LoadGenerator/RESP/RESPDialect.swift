/// The commands for a peer that speaks RESP, and the meaning of its replies.
package protocol RESPDialect {
    /// Commands whose replies are awaited before the work begins.
    var preparation: [[String]] { get }

    /// Learns from the replies to the preparation.
    mutating func prepared(_ replies: [RESPReply]) throws

    mutating func append(_ operation: Operation, lane: Int, name: Int, to output: OutputBuffer)

    /// Takes the reply to a lane's command.
    ///
    /// - Throws: `LoadError` if the reply does not say that the command was done.
    mutating func take(_ reply: RESPReply, to operation: Operation, lane: Int) throws
}

extension RESPDialect {
    func refusal(_ operation: Operation, _ reply: RESPReply) -> LoadError {
        LoadError("the peer refused to \(operation.rawValue): \(reply)")
    }
}
