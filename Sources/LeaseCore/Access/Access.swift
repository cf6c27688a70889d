/// What the access rules say about one user, as pure decisions.
///
/// The rules are asked in their order, and the first one that is about the right and the name decides. If none is, the
/// right is there; the right to administer is not.
///
///     allow group deploy acquire read on deploy/       deploy/web, a member: allowed     deploy/web, anybody else: denied
///     deny everyone acquire read on deploy/            backup: allowed, no rule speaks of it
package struct Access: Hashable, Sendable {
    /// The rules that are about the user, in their order.
    private let rules: [AccessRule]

    /// The access of everybody where there are no rules.
    package static let unrestricted = Access()

    /// What the rules say about a user.
    ///
    /// - Parameters:
    ///   - rules: All rules, in their order.
    ///   - uid: The user.
    ///   - groups: The user's groups, its own and the supplementary ones.
    package init(_ rules: [AccessRule] = [], uid: UInt32 = 0, groups: some Sequence<UInt32> = EmptyCollection()) {
        self.rules = rules.filter { $0.concerns(uid: uid, groups: groups) }
    }

    /// What a right comes to.
    package enum Verdict: Hashable, Sendable {
        case allowed
        /// The rule that denies it; `nil` if no rule allows what has to be allowed.
        case denied(AccessRule?)
    }

    /// Whether the user has a right on a name.
    package func verdict(on right: AccessRight, name: [UInt8]) -> Verdict {
        for rule in rules where rule.rights.contains(right) && name.starts(with: rule.prefix) {
            return rule.effect == .allow ? .allowed : .denied(rule)
        }
        return right == .admin ? .denied(nil) : .allowed
    }

    /// Whether the user has a right on every name that begins with `prefix`, whether it is there or not.
    ///
    /// As etcd does with ranges of keys: a list that may not be seen as a whole is denied, and not thinned out.
    package func verdict(on right: AccessRight, allNamesUnder prefix: [UInt8]) -> Verdict {
        var allowed: [[UInt8]] = []
        for rule in rules where rule.rights.contains(right) {
            let coversAll = prefix.starts(with: rule.prefix)
            switch rule.effect {
            case .allow where coversAll: return .allowed
            case .allow: allowed.append(rule.prefix)
            case .deny where coversAll: return .denied(rule)
            case .deny:
                // Its names are among the prefix's, unless an earlier rule has allowed them.
                guard rule.prefix.starts(with: prefix), !allowed.contains(where: rule.prefix.starts(with:)) else {
                    continue
                }
                return .denied(rule)
            }
        }
        return right == .admin ? .denied(nil) : .allowed
    }
}
