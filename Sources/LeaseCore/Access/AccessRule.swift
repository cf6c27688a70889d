/// One access rule of the configuration: who may, or may not, do what with the names that begin with a prefix.
package struct AccessRule: Hashable, Sendable {
    /// Whether the rule allows or denies.
    package enum Effect: String, Hashable, Sendable {
        case allow
        case deny
    }

    /// Whom the rule applies to.
    package enum Subject: Hashable, Sendable {
        case everyone
        /// The user, by number.
        case user(UInt32)
        /// The members of the group, by number, be it their primary or a supplementary group.
        case group(UInt32)
    }

    /// Whether the rule allows or denies.
    package let effect: Effect
    /// Whom the rule applies to.
    package let subject: Subject
    /// The rights that it allows or denies.
    package let rights: Set<AccessRight>
    /// The prefix of the names that the rule applies to; empty for all names.
    package let prefix: [UInt8]
    /// How a refusal refers to the rule: its number and its text.
    package let label: String

    /// Creates a rule.
    package init(_ effect: Effect, _ subject: Subject, _ rights: Set<AccessRight>, prefix: [UInt8], label: String) {
        self.effect = effect
        self.subject = subject
        self.rights = rights
        self.prefix = prefix
        self.label = label
    }

    /// Whether the rule applies to this user.
    func concerns(uid: UInt32, groups: some Sequence<UInt32>) -> Bool {
        switch subject {
        case .everyone: true
        case .user(let user): user == uid
        case .group(let group): groups.contains(group)
        }
    }
}
