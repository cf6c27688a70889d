import CLinux
import Glibc
import LeaseCore
import LeaseStore
import Testing

@testable import LeaseServer

@Suite struct ConfigurationTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Loads as the machine's daemon does, with a file of this text and with these environment variables only.
    private func load(
        file text: String? = nil,
        environment: [String: String] = [:],
        _ overrides: CommandLineOverrides = CommandLineOverrides()
    ) throws(ConfigurationError) -> ServerConfiguration {
        var overrides = overrides
        overrides.config = folder.path + "/leased.yaml"
        folder.write(text ?? "", to: "leased.yaml")
        return try ServerConfiguration.load(overrides: overrides, environment: environment)
    }

    private func error(
        file text: String? = nil,
        environment: [String: String] = [:],
        _ overrides: CommandLineOverrides = CommandLineOverrides()
    ) throws -> ConfigurationError {
        try #require(throws: ConfigurationError.self) { try load(file: text, environment: environment, overrides) }
    }

    private let defaults = ServerConfiguration(
        socketPath: "/run/leased/leased.sock",
        storePath: "/var/lib/leased/leased.db"
    )

    // MARK: Where it comes from

    /// A section whose settings are all commented out has no effect.
    @Test(arguments: [
        "", "\n  # only\r\n# comments\n", "{}", "limits:\n  # connections: 5\n", "limits: ~\nadministrators: null\n",
    ])
    func emptyFileChangesNothing(text: String) throws {
        #expect(try load(file: text) == defaults)
    }

    @Test func shippedFileShowsEveryDefault() throws {
        let path =
            String(#filePath.dropLast("Tests/LeaseServerTests/ConfigurationTests.swift".count)) + "systemd/leased.yaml"
        let overrides = CommandLineOverrides(config: path)
        #expect(try ServerConfiguration.load(overrides: overrides, environment: [:]) == defaults)
        let snapshot = try #require(try ConfigurationFile(path: path).snapshot)
        let reader = SettingsReader(flags: [:], environment: [:], file: (path, snapshot))
        for key in SettingKey.all {
            let isList = [SettingKey.administratorUsers, SettingKey.administratorGroups, SettingKey.access].contains(
                key
            )
            #expect(try isList ? reader.list(key) != nil : reader.text(key) != nil, "\(key)")
        }
    }

    @Test func flagWinsOverVariableAndVariableOverFile() throws {
        let text = "store: /file/db\nlog-level: error\nstop-timeout: 5s"
        let fromFile = try load(file: text)
        #expect(fromFile.storePath == "/file/db")
        #expect("\(fromFile.logLevel)" == "error")
        let environment = ["LEASED_STORE": "/variable/db", "LEASED_LOG_LEVEL": "warning"]
        let fromVariable = try load(file: text, environment: environment)
        #expect(fromVariable.storePath == "/variable/db")
        #expect("\(fromVariable.logLevel)" == "warning")
        let fromFlag = try load(
            file: text,
            environment: environment,
            CommandLineOverrides(store: "/flag/db", logLevel: "debug")
        )
        #expect(fromFlag.storePath == "/flag/db")
        #expect("\(fromFlag.logLevel)" == "debug")
        #expect(fromFlag.stopTimeout == .seconds(5))
    }

    @Test func emptyVariableCountsAsNone() throws {
        let environment = ["LEASED_SOCKET": "", "LEASED_STORE": "", "LEASED_ADMINISTRATORS_USERS": ""]
        #expect(try load(environment: environment) == defaults)
    }

    @Test func everySettingHasItsVariable() throws {
        for key in SettingKey.all where key != SettingKey.socketGroup {
            let variable = "LEASED_" + key.uppercased().replacing("-", with: "_").replacing(".", with: "_")
            // No setting accepts these: they are not a user, a number or a path.
            let failure = try error(environment: [variable: key == "store" || key == "socket" ? "\0" : "?"])
            #expect(failure.key == key)
            #expect(failure.message.contains("from \(variable)"), "\(failure.message)")
        }
    }

    @Test func socketFollowsTheRuleOfClientsBeforeTheFile() throws {
        let text = "socket: /file/s"
        let environment = ["LEASED_SOCKET": "/variable/s", "XDG_RUNTIME_DIR": "/run/user/7"]
        #expect(try load(file: text).socketPath == "/file/s")
        #expect(try load(file: text, environment: environment).socketPath == "/variable/s")
        let users = CommandLineOverrides(user: true)
        #expect(try load(file: text, environment: environment, users).socketPath == "/run/user/7/leased/leased.sock")
        let both = CommandLineOverrides(user: true, socket: "/flag/s")
        #expect(try load(file: text, environment: environment, both).socketPath == "/flag/s")
    }

    @Test func usersDaemonReadsAndWritesBelowTheUsersFolders() throws {
        folder.write("log-level: debug", to: "leased.yaml", in: "config/leased")
        let environment = ["XDG_CONFIG_HOME": folder.path + "/config", "HOME": "/home/a", "XDG_STATE_HOME": "relative"]
        let overrides = CommandLineOverrides(user: true)
        let configuration = try ServerConfiguration.load(overrides: overrides, environment: environment)
        #expect(configuration.storePath == "/home/a/.local/state/leased/leased.db")
        #expect("\(configuration.logLevel)" == "debug")
        #expect(configuration.isUserDaemon)
    }

    @Test func defaultFileMayBeMissingAndANamedOneMayNot() throws {
        let environment = ["XDG_CONFIG_HOME": folder.path, "XDG_RUNTIME_DIR": "/r", "XDG_STATE_HOME": "/s"]
        let overrides = CommandLineOverrides(user: true)
        let configuration = try ServerConfiguration.load(overrides: overrides, environment: environment)
        #expect(configuration.storePath == "/s/leased/leased.db")
        let missing = CommandLineOverrides(config: folder.path + "/none.yaml")
        let failure = try #require(throws: ConfigurationError.self) {
            try ServerConfiguration.load(overrides: missing, environment: [:])
        }
        #expect(failure.code == .unreadableFile)
        #expect(failure.message.hasSuffix("/none.yaml cannot be read: No such file or directory"))
    }

    // MARK: Values

    @Test func everyKindOfValueIsRead() throws {
        let configuration = try load(
            file: """
                socket-mode: 0600
                socket-group: root
                administrators: {users: [root, 1000], groups: ["0", daemon]}
                history: {keep-for: 1h30m, keep-rows: 7}
                commit-timeout: 90s
                limits:
                  connections: 500
                  list-bytes: 64KiB
                  store-bytes: 3GiB
                  longest-ttl: 1h
                """
        )
        #expect(configuration.socketMode == 0o600)
        #expect(configuration.socketGroup == 0)
        #expect(configuration.administrators == Administrators(users: [0, 1000], groups: [0, 1]))
        #expect(configuration.historyKeepFor == .seconds(5400))
        #expect(configuration.historyKeepRows == 7)
        #expect(configuration.commitTimeout == .seconds(90))
        #expect(configuration.limits.connections == 500)
        #expect(configuration.limits.listBytes == 65_536)
        #expect(configuration.limits.storeBytes == 3 << 30)
        #expect(configuration.ledger.maximumFileBytes == 3 << 30)
        #expect(configuration.limits.longestTTL.duration == .seconds(3600))
        #expect(configuration.limits.leases == Limits().leases)
    }

    @Test func accessRulesAreReadInTheirOrder() throws {
        let configuration = try load(
            file: """
                access:
                  - allow user root acquire read on deploy/
                  - deny group 27 write
                  - "deny  everyone read write admin on a b\\\\x00\\\\x2a\\\\\\\\"
                """
        )
        let rules = configuration.accessRules
        #expect(rules.map(\.effect) == [.allow, .deny, .deny])
        #expect(rules.map(\.subject) == [.user(0), .group(27), .everyone])
        #expect(rules.map(\.rights) == [[.acquire, .read], [.write], [.read, .write, .admin]])
        #expect(rules.map(\.prefix) == [Array("deploy/".utf8), [], Array("a b\0*\\".utf8)])
        #expect(rules[1].label == "rule 2, 'deny group 27 write'")
        let environment = ["LEASED_ACCESS": "deny everyone write,allow everyone admin on x"]
        #expect(try load(environment: environment).accessRules.map(\.effect) == [.deny, .allow])
    }

    @Test(arguments: [
        ("permit everyone read", "it begins with allow or deny"),
        ("", "it begins with allow or deny"),
        ("allow all read", "everyone, user NAME or group NAME comes second"),
        ("allow user", "everyone, user NAME or group NAME comes second"),
        ("allow user no-such-user read", "a user's name or number that this machine knows"),
        ("allow group no-such-group read", "a group's name or number that this machine knows"),
        ("allow everyone", "it names a right"),
        ("allow everyone on a", "it names a right"),
        ("allow everyone renew", "'renew' is no right; these are acquire, read, write, admin"),
        ("allow everyone read on", "behind on comes how the names begin"),
        ("allow everyone read on deploy/*", "the beginning of the names alone, without *"),
        ("allow everyone read on a\\n", "with \\xHH and \\\\ as escapes"),
        ("allow everyone read on a\\x0", "with \\xHH and \\\\ as escapes"),
        ("allow everyone read on " + String(repeating: "a", count: 1025), "at most 1024 bytes"),
    ])
    func accessRuleThatIsNoneIsRefused(rule: String, expected: String) throws {
        let failure = try error(file: "access: ['\(rule)']")
        #expect(failure.code == .badValue && failure.key == "access")
        #expect(failure.message.contains(expected), "\(failure.message)")
    }

    @Test func moreAccessRulesThanTheLimitAreRefused() throws {
        let rules = Array(repeating: "'deny user 7 write'", count: 257)
        #expect(try load(file: "access: [\(rules.dropLast().joined(separator: ", "))]").accessRules.count == 256)
        let failure = try error(file: "access: [\(rules.joined(separator: ", "))]")
        #expect(failure.message.contains("at most 256 rules"), "\(failure.message)")
    }

    @Test func listInAVariableIsJoinedByCommas() throws {
        let environment = ["LEASED_ADMINISTRATORS_USERS": "root, 1000", "LEASED_ADMINISTRATORS_GROUPS": "0"]
        let administrators = try load(environment: environment).administrators
        #expect(administrators == Administrators(users: [0, 1000], groups: [0]))
    }

    @Test(arguments: [
        ("socket-mode: 0668", "socket-mode = '0668'", "permissions in octal, from 0000 to 0777, as in 0660"),
        ("socket-mode: 1777", "socket-mode = '1777'", "permissions in octal, from 0000 to 0777, as in 0660"),
        ("socket-mode: +660", "socket-mode = '+660'", "permissions in octal, from 0000 to 0777, as in 0660"),
        ("socket-group: no-such", "socket-group = 'no-such'", "a group's name or number that this machine knows"),
        ("store: \"\"", "store = ''", "a path"),
        ("log-level: loud", "log-level = 'loud'", "one of trace, debug, info, notice, warning, error, critical"),
        ("stop-timeout: 20", "stop-timeout = '20'", "a duration with its unit, as in 90s or 1m30s, from 1s to 1h"),
        ("stop-timeout: 61m", "stop-timeout = '61m'", "a duration with its unit, as in 90s or 1m30s, from 1s to 1h"),
        ("limits: {leases: many}", "limits.leases = 'many'", "an integer from 1 to 10000000"),
        ("limits: {leases: 0}", "limits.leases = '0'", "an integer from 1 to 10000000"),
        ("limits: {leases: 1.5}", "limits.leases = '1.5'", "an integer from 1 to 10000000"),
        (
            "limits: {name-bytes: 2KiB}", "limits.name-bytes = '2KiB'",
            "bytes, as in 65536, 64KiB or 8MiB, from 16 to 1KiB"
        ),
        (
            "administrators: {users: [root, no-such]}", "administrators.users = 'no-such'",
            "a user's name or number that this machine knows"
        ),
        (
            "administrators: {groups: [\"\"]}", "administrators.groups = ''",
            "a group's name or number that this machine knows"
        ),
        (
            "administrators: {users: [-1]}", "administrators.users = '-1'",
            "a user's name or number that this machine knows"
        ),
        (
            "administrators: {users: [4294967295]}", "administrators.users = '4294967295'",
            "a user's name or number that this machine knows"
        ),
    ])
    func wrongValueIsNamedWithItsPlaceAndWhatIsExpected(text: String, shown: String, expected: String) throws {
        let failure = try error(file: text)
        #expect(failure.message == "\(shown) (from \(folder.path)/leased.yaml): expected \(expected)")
        #expect(failure.code == .badValue)
        #expect(failure.exit == .configuration)
    }

    @Test func wrongFlagIsAUsageError() throws {
        let failure = try error(CommandLineOverrides(logLevel: "loud"))
        #expect(failure.message.hasPrefix("log-level = 'loud' (from --log-level): expected one of"))
        #expect(failure.exit == .usage)
    }

    @Test func socketPathThatDoesNotFitIsRefused() throws {
        let longest = "/" + String(repeating: "s", count: 106)
        #expect(try load(CommandLineOverrides(socket: longest)).socketPath == longest)
        let failure = try error(CommandLineOverrides(socket: longest + "s"))
        #expect(failure.key == "socket")
        #expect(failure.message.hasSuffix("(from --socket): expected a path of 1 to 107 bytes"))
        #expect(try error(CommandLineOverrides(socket: "")).key == "socket")
        #expect(try error(environment: ["XDG_RUNTIME_DIR": longest], CommandLineOverrides(user: true)).key == "socket")
    }

    @Test func shapeThatDoesNotFitIsRefused() throws {
        #expect(try error(file: "store: [a, b]").message.hasSuffix("expected one value"))
        #expect(
            try error(file: "administrators: {users: root}").message.hasSuffix("expected a list, as in [root, 1000]")
        )
    }

    /// A reserve that is larger than a limit would leave nothing to other users.
    @Test func aSmallLimitLeavesAPlaceForOthers() throws {
        let limits = try load(file: "limits: {waiters: 10, ties: 1, subscriptions: 16, patterns: 17}").limits
        let quotas = [limits.waiting.quota, limits.tieQuota, limits.subscriptionQuota]
        #expect(quotas.map { $0.total - $0.reservedForAdministrators } == [1, 1, 1])
        #expect(limits.reserved(of: limits.patterns) == 16)
        let small = try load(file: "limits: {connections: 1, leases: 16}").limits
        #expect([small.connectionQuota, small.leaseQuota].map(\.reservedForAdministrators) == [0, 15])
        #expect(limits.leaseQuota.reservedForAdministrators == limits.reservedForAdministrators)
    }

    // MARK: The file itself

    @Test(arguments: [
        ("stor: /x", "stor", ""),
        ("limits: {conections: 5}", "limits.conections", ""),
        ("socketMode: 0660", "socketMode", "; did you mean 'socket-mode'?"),
        ("connections: 5", "connections", "; did you mean 'limits.connections'?"),
        ("limits: 5", "limits", ""),
        ("socket: {path: /x}", "socket.path", ""),
    ])
    func unknownSettingIsNamed(text: String, key: String, hint: String) throws {
        let failure = try error(file: text)
        #expect(failure.code == .unknownKey)
        #expect(failure.message == "\(folder.path)/leased.yaml: there is no setting '\(key)'\(hint)")
    }

    @Test(arguments: ["store: [", "just text", "- a\n- b", "a: b: c", "store: /a\nstore: /b", "\t", "\0\u{1}"])
    func fileThatIsNoMappingIsRefused(text: String) throws {
        let failure = try error(file: text)
        #expect(failure.code == .malformedFile)
        #expect(failure.message.hasPrefix("\(folder.path)/leased.yaml"))
        #expect(!failure.message.contains("\n"))
    }

    @Test func aFaultIsToldWithoutTheFileAroundIt() throws {
        let failure = try error(file: "log-level: info\nstore: \"\\q\"\nsocket: /elsewhere\n")
        #expect(failure.message.contains("line 2") && !failure.message.contains("elsewhere"), "\(failure.message)")
    }

    @Test func settingWrittenInTwoWaysIsRefused() throws {
        let failure = try error(file: "limits: {leases: 1}\nlimits.leases: 2")
        #expect(failure.message == "\(folder.path)/leased.yaml: the setting 'limits.leases' stands there twice")
    }

    @Test func fileThatEndsNeverOrIsAFolderIsRefused() throws {
        for (path, reason) in [("/dev/zero", "it is over 1048576 bytes long"), ("/tmp", "Is a directory")] {
            let failure = try #require(throws: ConfigurationError.self) {
                try ServerConfiguration.load(overrides: CommandLineOverrides(config: path), environment: [:])
            }
            #expect(failure.message == "the configuration file \(path) cannot be read: \(reason)")
        }
    }
}
