internal import CLinux
internal import Glibc

/// A path as the address of a socket: unix(7).
struct UnixAddress {
    /// The most bytes of a path; a null byte comes behind it.
    static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    private var address = sockaddr_un()

    init(path: String) throws(ListenError) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.longestPath, !bytes.contains(0) else {
            throw ListenError(
                .pathTooLong,
                "the socket path '\(path)' has \(bytes.count) bytes; a socket's path has 1 to \(Self.longestPath)"
            )
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    /// bind(2); answers 0, or the error's number.
    func bind(_ descriptor: Int32) -> Int32 {
        call { Glibc.bind(descriptor, $0, $1) }
    }

    /// connect(2); answers 0, or the error's number.
    func connect(_ descriptor: Int32) -> Int32 {
        call { Glibc.connect(descriptor, $0, $1) }
    }

    private func call(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
    }
}
