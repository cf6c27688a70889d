internal import Glibc

/// The folder that a socket is in.
enum SocketFolder {
    /// Makes the folder of `path`, and those above it, if they are missing.
    ///
    /// An existing folder stays as it is.
    ///
    /// - Parameter mode: the permissions of new folders, whatever the umask is.
    static func make(for path: String, mode: mode_t) throws(ListenError) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        var status = stat()
        if stat(folder, &status) == 0 { return }
        try make(for: folder, mode: mode)
        // Another start may have made it meanwhile.
        guard mkdir(folder, mode) == 0 else {
            if errno == EEXIST { return }
            throw ListenError(
                .cannotCreate,
                "cannot make the socket's folder \(folder)",
                errorNumber: errno,
                advice: "have root make it, or start leased --user"
            )
        }
        guard chmod(folder, mode) == 0 else {
            throw ListenError(.cannotCreate, "cannot set the permissions of \(folder)", errorNumber: errno)
        }
    }
}
