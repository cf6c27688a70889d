import CLinux
import Glibc
import Testing

/// Systemd's end of `NOTIFY_SOCKET`: a datagram socket in a temporary folder.
///
/// It is removed with its owner.
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
        received().map(\.text)
    }

    /// The messages so far, with the descriptors that came with them; the caller must close these.
    func received() -> [(text: String, descriptors: [Int32])] {
        var received: [(String, [Int32])] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        var control = [UInt8](repeating: 0, count: 256)
        while true {
            let (count, controlCount) = bytes.withUnsafeMutableBytes { bytes in
                control.withUnsafeMutableBytes { control in
                    var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                    return withUnsafeMutablePointer(to: &part) { part in
                        var message = msghdr()
                        message.msg_iov = part
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_CMSG_CLOEXEC)
                        return (recvmsg(descriptor, &message, flags), Int(message.msg_controllen))
                    }
                }
            }
            guard count >= 0 else { return received }
            let text = String(decoding: bytes[..<count], as: UTF8.self)
            received.append((text, Self.descriptors(in: control[..<controlCount])))
        }
    }

    /// The descriptors of the first control message: its length, level and type, then the numbers; see cmsg(3).
    private static func descriptors(in control: ArraySlice<UInt8>) -> [Int32] {
        control.withUnsafeBytes { bytes in
            let header = MemoryLayout<cmsghdr>.size
            guard bytes.count >= header else { return [] }
            let message = bytes.loadUnaligned(as: cmsghdr.self)
            guard message.cmsg_level == SOL_SOCKET, message.cmsg_type == Int32(SCM_RIGHTS) else { return [] }
            return stride(from: header, to: Int(message.cmsg_len), by: MemoryLayout<Int32>.size)
                .map { bytes.loadUnaligned(fromByteOffset: $0, as: Int32.self) }
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
