import CLinux
import Glibc
import Testing

/// What systemd's end of `NOTIFY_SOCKET` is: a datagram socket in a folder of its own.
///
/// It is gone with its owner.
final class NotifySocket {
    let path: String
    private let folder: String
    private let descriptor: Int32

    init() throws {
        var template = Array("/tmp/leased-notify-XXXXXX".utf8CString)
        folder = try #require(
            template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        )
        path = folder + "/notify.sock"
        descriptor = try UnixSocket.bound(to: path, type: SOCK_DGRAM)
    }

    deinit {
        close(descriptor)
        unlink(path)
        rmdir(folder)
    }

    /// The messages so far, in order.
    ///
    /// The sender has ended, so there will be no more.
    func messages() -> [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return messages }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

/// Sockets as a service manager would make them.
enum UnixSocket {
    static func bound(to path: String, type: __socket_type) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        return descriptor
    }
}
