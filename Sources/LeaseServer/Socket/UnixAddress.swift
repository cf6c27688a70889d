internal import CLinux
internal import Glibc

/// A path as a socket address: unix(7).
struct UnixAddress {
    /// The most bytes in a path; a null byte follows it.
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

    /// The path that a socket is bound to, with `@` for the null byte that begins an abstract one.
    ///
    /// Returns `nil` if the socket has no path.
    static func path(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0, address.sun_family == sa_family_t(AF_UNIX),
            let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)
        else { return nil }
        let bytes = withUnsafeBytes(of: address) { Array($0[start..<min(Int(length), $0.count)]) }
        guard let first = bytes.first else { return nil }
        guard first == 0 else { return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
        return "@" + String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    /// bind(2); returns 0, or the error number.
    func bind(_ descriptor: Int32) -> Int32 {
        call { Glibc.bind(descriptor, $0, $1) }
    }

    /// connect(2); returns 0, or the error number.
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
