/// How many of something there may be: in all, and of one user.
///
/// The last places of all are for administrators, who have no limit of their own, so that one can always look and revoke.
package struct Quota: Hashable, Sendable {
    /// How many there may be in all.
    package var total: Int
    /// How many of one user who is no administrator.
    package var perUser: Int
    /// Places of the total that only administrators get.
    package var reservedForAdministrators: Int

    /// Creates a quota.
    package init(total: Int, perUser: Int, reservedForAdministrators: Int) {
        self.total = total
        self.perUser = perUser
        self.reservedForAdministrators = reservedForAdministrators
    }

    /// Which of the two is too small.
    package enum Overrun: Hashable, Sendable {
        case total
        case user
    }

    /// How many there may be in all once a caller has been given what it asks for.
    package func total(for caller: Caller) -> Int {
        caller.isAdministrator ? total : total - reservedForAdministrators
    }

    /// Which limit `more` of a caller's are over, with `counts` there already, or `nil` if there is room for them.
    package func overrun(by more: Int = 1, of caller: Caller, _ counts: UserCounts) -> Overrun? {
        if counts.total > total(for: caller) - more { return .total }
        if !caller.isAdministrator, counts[caller.uid] > perUser - more { return .user }
        return nil
    }
}
