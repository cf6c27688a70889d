/// The holder of a lease: the credentials of the peer that acquired it (socket(7), SO_PEERCRED), and its label.
public struct Holder: Hashable, Sendable {
    /// The user who was granted the lease; only this user and administrators may renew and release it.
    public let uid: UInt32
    /// The group of the process that acquired, for display.
    public let gid: UInt32
    /// The process that acquired, for display; it may be long gone.
    public let pid: Int32
    /// What the holder calls itself.
    public let owner: Label

    /// Creates a holder.
    public init(uid: UInt32, gid: UInt32, pid: Int32, owner: Label) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.owner = owner
    }
}

/// The requester: the credentials that a request came with.
package struct Caller: Hashable, Sendable {
    /// The user.
    package let uid: UInt32
    /// The primary group.
    package let gid: UInt32
    /// The process.
    package let pid: Int32
    /// Whether the caller may do everything, including ending, renewing and releasing other users' tenures.
    package let isAdministrator: Bool
    /// What the access rules say about a caller that is not an administrator.
    package let access: Access

    /// Creates a caller.
    package init(uid: UInt32, gid: UInt32, pid: Int32, isAdministrator: Bool, access: Access = .unrestricted) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.isAdministrator = isAdministrator
        self.access = access
    }
}
