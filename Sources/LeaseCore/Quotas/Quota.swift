/// How many of something there may be: in all, and per user.
///
/// The last places are reserved for administrators, who have no limit per user, so that one can always look and revoke.
package struct Quota: Hashable, Sendable {
    /// How many there may be in all.
    package var total: Int
    /// How many each user who is not an administrator may have.
    package var perUser: Int
    /// Places of the total that only administrators get.
    package var reservedForAdministrators: Int

    /// Creates a quota.
    package init(total: Int, perUser: Int, reservedForAdministrators: Int) {
        self.total = total
        self.perUser = perUser
        self.reservedForAdministrators = reservedForAdministrators
    }

    /// The limit that is exceeded.
    package enum Overrun: Hashable, Sendable {
        case total
        case user
    }

    /// How many there may be in all, for a request of this caller.
    package func total(for caller: Caller) -> Int {
        caller.isAdministrator ? total : total - reservedForAdministrators
    }

    /// The limit that `more` of a caller's would exceed, on top of `counts`, or `nil` if there is room for them.
    package func overrun(by more: Int = 1, of caller: Caller, _ counts: UserCounts) -> Overrun? {
        if counts.total > total(for: caller) - more { return .total }
        if !caller.isAdministrator, counts[caller.uid] > perUser - more { return .user }
        return nil
    }
}
