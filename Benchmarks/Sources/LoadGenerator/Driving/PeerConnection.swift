/// One connection to a peer, shared by a number of lanes.
///
/// Each lane has at most one command in flight. `receive` never blocks. A connection is used by one thread.
package protocol PeerConnection: AnyObject {
    /// The descriptor that epoll watches.
    var descriptor: Int32 { get }

    /// Prepares a command, which the next `flush` sends.
    func enqueue(_ operation: Operation, lane: Int, name: Int) throws

    /// Sends the prepared commands, with as few system calls as the peer's protocol allows.
    func flush() throws

    /// Reads once what has arrived; reports the lane of each complete answer.
    ///
    /// - Throws: `LoadError` if the peer refused a command or hung up.
    func receive(_ answered: (_ lane: Int) throws -> Void) throws

    func close()
}
