/// The administrators other than uid 0 and the daemon's own user.
package struct Administrators: Hashable, Sendable {
    /// The users, by number.
    package var users: Set<UInt32>
    /// The groups, by number: their members are administrators.
    package var groups: Set<UInt32>

    /// Creates a set of administrators.
    package init(users: Set<UInt32> = [], groups: Set<UInt32> = []) {
        self.users = users
        self.groups = groups
    }
}
