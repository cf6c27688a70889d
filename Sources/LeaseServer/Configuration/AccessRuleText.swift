internal import LeaseCore

/// Access rules as the configuration writes them, one line each.
///
///     allow user alice acquire read on deploy/
///     ─┬─── ─┬──────── ─┬────────── ─┬────────
///     effect subject    rights       how the names begin; left out: all names
///
/// The subject is `everyone`, `user NAME` or `group NAME`. The prefix is the rest of the line; bytes that are not
/// printable are written `\xHH`, a backslash `\\`.
enum AccessRuleText {
    /// The most rules that are read: each is checked for every command of the users that it is about.
    static let mostRules = 256

    /// What a rule looks like, for messages.
    static let form = "a rule, as in 'allow group deploy acquire read on deploy/' or 'deny user 33 write'"

    /// Reads a rule.
    ///
    /// - Parameter number: The rule's place, from 1 on.
    static func parse(_ setting: Setting, number: Int) throws(ConfigurationError) -> AccessRule {
        var words = Words(setting.value)
        guard let effect = words.next().flatMap({ AccessRule.Effect(rawValue: String($0)) }) else {
            throw setting.error("\(form): it begins with allow or deny")
        }
        let subject = try subject(of: &words, setting)
        var rights: Set<AccessRight> = []
        var prefix: [UInt8] = []
        while let word = words.next() {
            if word == "on" {
                prefix = try Self.prefix(words.rest, setting)
                break
            }
            guard let right = AccessRight(rawValue: String(word)) else {
                let names = AccessRight.allCases.map(\.rawValue).joined(separator: ", ")
                throw setting.error("\(form): '\(word)' is no right; these are \(names)")
            }
            rights.insert(right)
        }
        guard !rights.isEmpty else { throw setting.error("\(form): it names a right") }
        return AccessRule(effect, subject, rights, prefix: prefix, label: "rule \(number), '\(setting.value)'")
    }

    private static func subject(
        of words: inout Words,
        _ setting: Setting
    ) throws(ConfigurationError) -> AccessRule.Subject {
        let kind = words.next()
        if kind == "everyone" { return .everyone }
        guard kind == "user" || kind == "group", let name = words.next() else {
            throw setting.error("\(form): everyone, user NAME or group NAME comes second")
        }
        let account = Setting(key: setting.key, origin: setting.origin, value: String(name))
        return kind == "user"
            ? .user(try account.account(Account.userID, "a user's name or number"))
            : .group(try account.account(Account.groupID, "a group's name or number"))
    }

    private static func prefix(_ text: Substring, _ setting: Setting) throws(ConfigurationError) -> [UInt8] {
        guard !text.isEmpty else { throw setting.error("\(form): behind on comes how the names begin") }
        guard text.last != "*" else {
            throw setting.error("\(form): the beginning of the names alone, without *; \\x2a is an asterisk")
        }
        guard let bytes = EscapedBytes.parse(text), bytes.count <= LeaseName.maximumLength else {
            throw setting.error("\(form): at most \(LeaseName.maximumLength) bytes, with \\xHH and \\\\ as escapes")
        }
        return bytes
    }

    private struct Words {
        private(set) var rest: Substring

        init(_ text: String) {
            rest = text[...].drop { $0 == " " }
        }

        mutating func next() -> Substring? {
            let word = rest.prefix { $0 != " " }
            rest = rest.dropFirst(word.count).drop { $0 == " " }
            return word.isEmpty ? nil : word
        }
    }
}

extension SettingsReader {
    /// The access rules, in their order.
    func accessRules(_ key: String) throws(ConfigurationError) -> [AccessRule] {
        let lines = try list(key) ?? []
        var rules: [AccessRule] = []
        for line in lines {
            guard rules.count < AccessRuleText.mostRules else {
                throw line.error("at most \(AccessRuleText.mostRules) rules")
            }
            rules.append(try AccessRuleText.parse(line, number: rules.count + 1))
        }
        return rules
    }
}
