/// What a peer that speaks RESP is told, and what its replies mean.
package protocol RESPDialect {
    /// Commands whose replies are awaited before the work begins.
    var preparation: [[String]] { get }

    /// Learns from the replies to the preparation.
    mutating func prepared(_ replies: [RESPReply]) throws

    mutating func append(_ operation: Operation, lane: Int, name: Int, to output: OutputBuffer)

    /// Takes the reply to a lane's command.
    ///
    /// - Throws: `LoadError` if it is not the one that says that the command has been done.
    mutating func take(_ reply: RESPReply, to operation: Operation, lane: Int) throws
}

extension RESPDialect {
    func refusal(_ operation: Operation, _ reply: RESPReply) -> LoadError {
        LoadError("the peer refused to \(operation.rawValue): \(reply)")
    }
}
