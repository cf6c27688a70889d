import CLinux
import Glibc
import LeaseCore

/// What `--report FILE` writes: how a run went, as one JSON object.
///
/// | key | value |
/// |---|---|
/// | `outcome` | ``outcome(of:)`` |
/// | `fence` | the lease's fence, if it was granted |
/// | `waited_ms` | from the start to the grant, or to the end without one |
/// | `held_ms` | from the grant to the end of the tenure, if it was granted |
/// | `exit_code` or `signal` | how the job ended, if it ran |
struct RunReport: Hashable, Sendable {
    let conclusion: Conclusion
    let fence: Int64?
    let waitedMilliseconds: Int64
    let heldMilliseconds: Int64?

    var json: JSONText {
        var members = [JSONText.Member("outcome", .string(Self.outcome(of: conclusion)))]
        if let fence { members.append(.init("fence", .integer(fence))) }
        members.append(.init("waited_ms", .integer(waitedMilliseconds)))
        if let heldMilliseconds { members.append(.init("held_ms", .integer(heldMilliseconds))) }
        switch conclusion.jobStatus {
        case .exited(let code): members.append(.init("exit_code", .integer(Int64(code))))
        case .signalled(let signal): members.append(.init("signal", .integer(Int64(signal))))
        case nil: break
        }
        return .object(members)
    }

    /// One word for programs.
    static func outcome(of conclusion: Conclusion) -> String {
        switch conclusion {
        case .ended(.exited): "exited"
        case .ended(.signalled): "signalled"
        case .lost: "lost"
        case .atMostReached: "at_most"
        case .interrupted: "interrupted"
        case .skipped: "skipped"
        case .onWinFailed: "on_win_failed"
        case .notStarted(.notFound): "not_found"
        case .notStarted(.notExecutable): "not_executable"
        case .notStarted(.refused), .internalError: "error"
        case .notAcquired(let refusal):
            switch refusal.kind {
            case .held: "not_acquired"
            case .lost: "lost"
            case .unreachable: "unreachable"
            case .unable: "unable"
            case .closed, .denied: "denied"
            case .usage: "usage"
            case .shortage, .internalError: "error"
            }
        }
    }

    /// Writes the report to the file, atomically for concurrent readers where possible.
    ///
    /// A link is followed. An existing file keeps its mode and its owner. If the directory, the owner or a second hard
    /// link prevents a new file from replacing it, the file is written in place. So is anything that is not a regular
    /// file, such as a pipe, and an open descriptor (`/dev/stdout`, `/dev/fd/3`).
    ///
    /// - Throws: ``Failure`` with a sentence that names the file. If a new file was to replace the existing one and the
    ///   disk is full, the existing one is unchanged.
    func write(to path: String) throws(Failure) {
        let bytes = Array((json.text + "\n").utf8)
        if let descriptor = Self.openDescriptor(named: path) {
            if let error = Console.write(bytes, to: descriptor) { throw Self.failure(path, error) }
            return
        }
        let present = Self.present(at: path)
        if let present, present.status.st_mode & S_IFMT != S_IFREG {
            return try Self.write(bytes, to: path, flags: O_WRONLY, named: path)
        }
        if let target = Self.target(of: path, present),
            let temporary = Self.temporaryFile(for: target, like: present?.status)
        {
            let error = Self.write(bytes, to: temporary.descriptor)
            if error == nil, rename(temporary.path, target) == 0 { return }
            unlink(temporary.path)
            // A report that does not fit next to the file would not fit into it either, and the old content would be
            // lost.
            if let error { throw Self.failure(path, error) }
        }
        // Without O_CREAT for an existing file: in /tmp the kernel may refuse it for another user's file (proc(5),
        // protected_regular).
        let flags = O_WRONLY | O_TRUNC | (present == nil ? O_CREAT : 0)
        try Self.write(bytes, to: path, flags: flags, named: path)
    }

    /// The descriptor of this process that a path names, as `/dev/stdout` and `/dev/fd/3` do.
    ///
    /// It is written at its current position: opened again, a log would be overwritten from its beginning. Descriptors
    /// that this program opened itself are close-on-exec, and cannot be named.
    private static func openDescriptor(named path: String) -> Int32? {
        let number: Int32? =
            switch path {
            case "/dev/stdout": STDOUT_FILENO
            case "/dev/stderr": STDERR_FILENO
            default:
                ["/dev/fd/", "/proc/self/fd/"].first { path.hasPrefix($0) }.flatMap { Int32(path.dropFirst($0.count)) }
            }
        guard let number, fcntl(number, F_GETFD) == 0 else { return nil }
        return number
    }

    /// The existing file, with its path without links if that is known.
    ///
    /// The kernel follows the links, and so applies its rule for links that other users placed in a shared directory
    /// (proc(5), protected_symlinks); realpath(3) would not.
    private static func present(at path: String) -> (status: stat, path: String?)? {
        let descriptor = clinux_open_path(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = Glibc.stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        guard let name = realpath("/proc/self/fd/\(descriptor)", nil) else { return (status, nil) }
        defer { free(name) }
        var named = Glibc.stat()
        let isSame = lstat(name, &named) == 0 && named.st_dev == status.st_dev && named.st_ino == status.st_ino
        return (status, isSame ? String(validatingCString: name) : nil)
    }

    /// Where to put a new file, or `nil` if it cannot replace the existing one: that has a second hard link, or is a
    /// link that leads nowhere.
    private static func target(of path: String, _ present: (status: stat, path: String?)?) -> String? {
        if let present {
            return present.status.st_nlink == 1 ? present.path : nil
        }
        var status = Glibc.stat()
        return lstat(path, &status) == 0 ? nil : path
    }

    /// A new file in the same directory, with the mode and owner of the existing one; `nil` if it cannot be made.
    private static func temporaryFile(
        for path: String,
        like present: stat?
    ) -> (path: String, descriptor: Int32)? {
        // Not derived from the file's name, which may already be as long as allowed.
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let temporary = "\(folder).leasectl-report-\(getpid()).tmp"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let descriptor = clinux_open(temporary, flags, present == nil ? 0o666 : 0o600)
        guard descriptor >= 0 else { return nil }
        guard let present else { return (temporary, descriptor) }
        var own = Glibc.stat()
        let isSame = fstat(descriptor, &own) == 0 && own.st_uid == present.st_uid && own.st_gid == present.st_gid
        // The mode comes last: a change of the owner clears some of its bits.
        guard isSame || fchown(descriptor, present.st_uid, present.st_gid) == 0,
            fchmod(descriptor, present.st_mode & 0o7777) == 0
        else {
            close(descriptor)
            unlink(temporary)
            return nil
        }
        return (temporary, descriptor)
    }

    private static func write(_ bytes: [UInt8], to path: String, flags: Int32, named name: String) throws(Failure) {
        // A FIFO without a reader fails at once instead of blocking (open(2), ENXIO).
        let file = clinux_open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o666)
        guard file >= 0 else { throw failure(name) }
        if let error = write(bytes, to: file) { throw failure(name, error) }
    }

    /// Writes all bytes and closes the file; returns the first error, if any.
    private static func write(_ bytes: [UInt8], to file: Int32) -> Int32? {
        let error = Console.write(bytes, to: file)
        let closed = close(file)
        return error ?? (closed == 0 ? nil : errno)
    }

    private static func failure(_ path: String, _ error: Int32 = errno) -> Failure {
        Failure(ExitStatus.outputError, "the report \(path) cannot be written: \(String(cString: strerror(error)))")
    }
}
