/// What the access rules say about one user, as pure decisions.
///
/// The first rule, in order, that matches the right and the name decides. Without a match the right is granted, except
/// the right to administer.
///
///     allow group deploy acquire read on deploy/   deploy/web, a member: allowed   deploy/web, anybody else: denied
///     deny everyone acquire read on deploy/        backup: allowed, no rule speaks of it
package struct Access: Hashable, Sendable {
    /// The rules that apply to the user, in their order.
    private let rules: [AccessRule]

    /// Everybody's access where there are no rules.
    package static let unrestricted = Access()

    /// What the rules say about a user.
    ///
    /// - Parameters:
    ///   - rules: All rules, in their order.
    ///   - uid: The user.
    ///   - groups: The user's primary and supplementary groups.
    package init(_ rules: [AccessRule] = [], uid: UInt32 = 0, groups: some Sequence<UInt32> = EmptyCollection()) {
        self.rules = rules.filter { $0.concerns(uid: uid, groups: groups) }
    }

    /// The decision on a right.
    package enum Verdict: Hashable, Sendable {
        case allowed
        /// The rule that denies it; `nil` if no rule allows a right that needs one.
        case denied(AccessRule?)
    }

    /// Whether the user has a right on a name.
    package func verdict(on right: AccessRight, name: [UInt8]) -> Verdict {
        for rule in rules where rule.rights.contains(right) && name.starts(with: rule.prefix) {
            return rule.effect == .allow ? .allowed : .denied(rule)
        }
        return right == .admin ? .denied(nil) : .allowed
    }

    /// Whether the user has a right on every name that begins with `prefix`, existing or not.
    ///
    /// As with etcd's ranges of keys, a list that may not be seen as a whole is denied, not filtered.
    package func verdict(on right: AccessRight, allNamesUnder prefix: [UInt8]) -> Verdict {
        var allowed: [[UInt8]] = []
        for rule in rules where rule.rights.contains(right) {
            let coversAll = prefix.starts(with: rule.prefix)
            switch rule.effect {
            case .allow where coversAll: return .allowed
            case .allow: allowed.append(rule.prefix)
            case .deny where coversAll: return .denied(rule)
            case .deny:
                // The rule's names are under `prefix`, unless an earlier rule has allowed them.
                guard rule.prefix.starts(with: prefix), !allowed.contains(where: rule.prefix.starts(with:)) else {
                    continue
                }
                return .denied(rule)
            }
        }
        return right == .admin ? .denied(nil) : .allowed
    }
}
