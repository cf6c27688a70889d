import Glibc
import Testing

/// Two datagram sockets: each write to one is one message at the other.
final class DatagramPair {
    let writer: Int32
    let reader: Int32

    init() throws {
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        writer = pair[0]
        reader = pair[1]
    }

    deinit {
        close(writer)
        close(reader)
    }

    /// Makes the writer's next writes fail, without waiting, until something is read.
    func fill() {
        _ = fcntl(writer, F_SETFL, O_NONBLOCK)
        while write(writer, "x", 1) == 1 {}
    }

    /// The messages written so far, one element for each write.
    func writes() -> [String] {
        var writes: [String] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(reader, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return writes }
            writes.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}
