/// One connection to a peer, shared by a number of lanes.
///
/// Each lane has at most one command under way. A connection never blocks in `receive`. It is used by one thread.
package protocol PeerConnection: AnyObject {
    /// What epoll watches.
    var descriptor: Int32 { get }

    /// Gets a command ready to be sent by the next `flush`.
    func enqueue(_ operation: Operation, lane: Int, name: Int) throws

    /// Sends what is ready, with as few system calls as the peer's protocol allows.
    func flush() throws

    /// Takes in what has come, once; tells for each whole answer the lane that it is for.
    ///
    /// - Throws: `LoadError` if the peer refused a command or hung up.
    func receive(_ answered: (_ lane: Int) throws -> Void) throws

    func close()
}
