import Glibc

/// A connected, non-blocking Unix stream socket.
struct UnixSocket {
    let descriptor: Int32

    /// - Throws: `LoadError`; no descriptor stays open then.
    init(connectingTo path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw LoadError("the socket's path is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }

        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LoadError("cannot make a socket: \(lastSystemError())") }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            let reason = lastSystemError()
            Glibc.close(descriptor)
            throw LoadError("cannot connect to \(path): \(reason)")
        }
    }

    /// Writes all of the output.
    ///
    /// Waits for room if there is none: the commands in flight of a lane are less than a buffer.
    func write(_ output: OutputBuffer) throws {
        var sent = 0
        while sent < output.count {
            let count = send(descriptor, output.start + sent, output.count - sent, Int32(MSG_NOSIGNAL))
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, milliseconds: 30_000)
            } else if errno != EINTR {
                throw LoadError("cannot send to the peer: \(lastSystemError())")
            }
        }
        output.removeAll()
    }

    /// Reads what has arrived, which may be nothing.
    ///
    /// - Throws: `LoadError`, even if the peer has hung up.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count > 0 { return count }
        if count < 0, errno == EAGAIN || errno == EINTR { return 0 }
        throw LoadError(count == 0 ? "the peer has hung up" : "cannot read from the peer: \(lastSystemError())")
    }

    func wait(for events: Int32, milliseconds: Int32) throws {
        var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard poll(&watched, 1, milliseconds) != 0 else { throw LoadError("the peer does not answer") }
    }

    func close() {
        Glibc.close(descriptor)
    }
}
