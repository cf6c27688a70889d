/// One line of the configuration's access rules: who may, or may not, do what with the names that begin in one way.
package struct AccessRule: Hashable, Sendable {
    /// Whether the rule allows or denies.
    package enum Effect: String, Hashable, Sendable {
        case allow
        case deny
    }

    /// Whom the rule is about.
    package enum Subject: Hashable, Sendable {
        case everyone
        /// The user, by number.
        case user(UInt32)
        /// The members of the group, by number: whoever has it as its own group, or as a supplementary one.
        case group(UInt32)
    }

    /// Whether the rule allows or denies.
    package let effect: Effect
    /// Whom it is about.
    package let subject: Subject
    /// The rights that it allows or denies.
    package let rights: Set<AccessRight>
    /// How the names begin that it is about; empty for all names.
    package let prefix: [UInt8]
    /// What a refusal calls it: its number and its text.
    package let label: String

    /// Creates a rule.
    package init(_ effect: Effect, _ subject: Subject, _ rights: Set<AccessRight>, prefix: [UInt8], label: String) {
        self.effect = effect
        self.subject = subject
        self.rights = rights
        self.prefix = prefix
        self.label = label
    }

    /// Whether the rule is about this user.
    func concerns(uid: UInt32, groups: some Sequence<UInt32>) -> Bool {
        switch subject {
        case .everyone: true
        case .user(let user): user == uid
        case .group(let group): groups.contains(group)
        }
    }
}
