import CLinux
import Glibc

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
        case .notStarted(.notFound): "not_found"
        case .notStarted(.notExecutable): "not_executable"
        case .notStarted(.refused), .internalError: "error"
        case .notAcquired(let refusal):
            switch refusal.kind {
            case .held: "not_acquired"
            case .lost: "lost"
            case .unreachable: "unreachable"
            case .denied: "denied"
            case .usage: "usage"
            case .internalError: "error"
            }
        }
    }

    /// Puts the report into the file: whole or not at all, for whoever reads it meanwhile.
    ///
    /// Something that is no regular file (`/dev/stdout`, a pipe) cannot be replaced and is written to.
    ///
    /// - Throws: ``Failure`` with a sentence that names the file. A file that was there is as it was.
    func write(to path: String) throws(Failure) {
        let bytes = Array((json.text + "\n").utf8)
        if Self.isSpecial(path) {
            return try Self.write(bytes, to: path, flags: O_WRONLY, named: path)
        }
        let temporary = "\(path).\(getpid()).tmp"
        do throws(Failure) {
            try Self.write(bytes, to: temporary, flags: O_WRONLY | O_CREAT | O_EXCL, named: path)
            guard rename(temporary, path) == 0 else { throw Self.failure(path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func isSpecial(_ path: String) -> Bool {
        var status = Glibc.stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    private static func write(_ bytes: [UInt8], to path: String, flags: Int32, named name: String) throws(Failure) {
        let file = clinux_open(path, flags | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw failure(name) }
        let error = Console.write(bytes, to: file)
        let closed = close(file)
        guard error == nil, closed == 0 else { throw failure(name, error ?? errno) }
    }

    private static func failure(_ path: String, _ error: Int32 = errno) -> Failure {
        Failure(ExitStatus.outputError, "the report \(path) cannot be written: \(String(cString: strerror(error)))")
    }
}
