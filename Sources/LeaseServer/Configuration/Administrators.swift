/// Who may do what only administrators may, beside uid 0 and the daemon's own user.
public struct Administrators: Hashable, Sendable {
    /// The users, by number.
    public var users: Set<UInt32>
    /// The groups, by number: their members are administrators.
    public var groups: Set<UInt32>

    /// Creates a set of administrators.
    public init(users: Set<UInt32> = [], groups: Set<UInt32> = []) {
        self.users = users
        self.groups = groups
    }
}
