import CLinux
import Glibc
import LeaseCore

/// Who is at the other end of a Unix socket, as of connect(2): socket(7), SO_PEERCRED and SO_PEERGROUPS.
struct PeerCredentials: Hashable, Sendable {
    let uid: UInt32
    let gid: UInt32
    let pid: Int32
    /// The supplementary groups, if known.
    let groups: [UInt32]
    let areGroupsKnown: Bool

    /// - Parameter groups: The supplementary groups; `nil` if the kernel does not tell.
    init(uid: UInt32, gid: UInt32, pid: Int32, groups: [UInt32]? = []) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.groups = groups ?? []
        areGroupsKnown = groups != nil
    }

    /// Asks the kernel.
    ///
    /// Returns `nil` if it does not tell, as for a socket that is already gone.
    init?(of socket: Int32) {
        var peer = clinux_peer()
        guard clinux_peer_credentials(socket, &peer) == 0 else { return nil }
        var groups = [UInt32](repeating: 0, count: 32)
        var count = clinux_peer_groups(socket, &groups, Int32(groups.count))
        // The kernel allows 65,536 groups (NGROUPS_MAX).
        while count < 0, errno == ERANGE, groups.count < 65_536 {
            groups = [UInt32](repeating: 0, count: groups.count * 4)
            count = clinux_peer_groups(socket, &groups, Int32(groups.count))
        }
        let told = count < 0 ? nil : Array(groups.prefix(Int(count)))
        self.init(uid: peer.uid, gid: peer.gid, pid: peer.pid, groups: told)
    }

    /// Whether the peer is an administrator: uid 0, the daemon's own user, or one of those configured.
    func isAdministrator(by administrators: Administrators) -> Bool {
        uid == 0 || uid == geteuid() || administrators.users.contains(uid) || administrators.groups.contains(gid)
            || groups.contains(where: administrators.groups.contains)
    }

    /// The peer as a caller, with the rights that a configuration gives it.
    func caller(by configuration: ServerConfiguration) -> Caller {
        Caller(
            uid: uid,
            gid: gid,
            pid: pid,
            isAdministrator: isAdministrator(by: configuration.administrators),
            access: Access(configuration.accessRules, uid: uid, groups: [gid] + groups)
        )
    }

    /// The peer's command name, without arguments (proc(5), `comm`); its pid if the process is gone.
    var commandName: String {
        let descriptor = clinux_open("/proc/\(pid)/comm", O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return "pid \(pid)" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        let name = bytes.prefix(max(count, 0)).prefix { $0 != 0x0A }
        return name.isEmpty ? "pid \(pid)" : String(decoding: name, as: UTF8.self)
    }
}
