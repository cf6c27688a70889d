import Glibc
import LeaseWire
import Synchronization
import Testing

@testable import LeaseServer

/// Access of other users, with clients that really are other users.
///
/// Needs root, to run as several users, and util-linux and socat.
@Suite(
    .enabled(if: geteuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0 && access("/usr/bin/socat", X_OK) == 0)
)
struct LiveAccessTests {
    /// The replies to `lines`, asked as another user.
    private static func ask(
        _ test: TestServer,
        uid: Int,
        groups: String = "--clear-groups",
        _ lines: [String]
    ) async throws -> [Substring] {
        let log = "\(test.folder.path)/replies-\(uid)-\(count.add(1, ordering: .relaxed).newValue)"
        // The lines are printf's arguments, and not part of its format.
        let script = "printf '%s\\n' \"$@\" | socat -t 30 STDIO UNIX-CONNECT:\(test.path)"
        let child = try ChildProcess(
            ["setpriv", "--reuid", "\(uid)", "--regid", "\(uid)", groups, "sh", "-c", script, "sh"] + lines,
            log: log
        )
        #expect(await child.exitCode() == 0)
        return child.output.split(separator: "\r\n")
    }

    /// The output that another user receives without sending anything.
    private static func listen(_ test: TestServer, uid: Int) async throws -> String {
        let child = try ChildProcess(
            ["setpriv", "--reuid", "\(uid)", "--clear-groups", "socat", "-u", "UNIX-CONNECT:\(test.path)", "STDOUT"],
            log: "\(test.folder.path)/listener-\(uid)"
        )
        #expect(await child.exitCode() == 0)
        return child.output
    }

    private static let count = Atomic<Int>(0)

    @Test func othersMayNotEndAUsersTenureAndMayCheckIt() async throws {
        try await TestServer.with { test in
            let token = try await Self.ask(test, uid: 1000, ["ACQUIRE a 30s"])[0].dropFirst()
            let replies = try await Self.ask(
                test,
                uid: 1001,
                ["RENEW a \(token) 30s", "RELEASE a \(token)", "REVOKE a", "CHECK a \(token)", "ACQUIRE a 30s"]
            )
            #expect(replies.count == 5)
            #expect(replies[0...2].allSatisfy { $0.hasPrefix("-DENIED ") })
            #expect(replies[3].hasPrefix(":"))
            #expect(replies[4].hasPrefix("-CONFLICT "))
            #expect(try await Self.ask(test, uid: 1000, ["RELEASE a \(token)"]) == ["+OK"])
        }
    }

    @Test(arguments: [(uid: 0, groups: "--clear-groups"), (77, "--clear-groups"), (1001, "--groups=5,88")])
    func administratorsByUserAndByGroupMay(uid: Int, groups: String) async throws {
        try await TestServer.with {
            $0.administrators = Administrators(users: [77], groups: [88])
        } body: { test in
            let token = try await Self.ask(test, uid: 1000, ["ACQUIRE a 30s"])[0].dropFirst()
            let renewed = try await Self.ask(test, uid: uid, groups: groups, ["RENEW a \(token) 30s"])[0]
            #expect(renewed.hasPrefix(":"))
            #expect(try await Self.ask(test, uid: uid, groups: groups, ["REVOKE a"]) == [":1"])
        }
    }

    @Test func usersLimitIsAnsweredBusyAndAdministratorsGetIn() async throws {
        try await TestServer.with {
            $0.limits.connectionsPerUser = 1
            $0.limits.connections = 2
            $0.limits.reservedForAdministrators = 1
        } body: { test in
            let one = try test.connect()
            #expect(try await one.ask("PING") == .simpleString("PONG"))
            // One of two places is taken, and the other is reserved for administrators.
            #expect(try await Self.listen(test, uid: 1000).hasPrefix("-BUSY "))
            let two = try test.connect()
            #expect(try await two.ask("PING") == .simpleString("PONG"))
            let three = try test.connect()
            #expect(try await three.reply().errorWord == "BUSY")
            #expect(try await three.rest() == "")
        }
    }

    @Test func holderIsWhoConnected() async throws {
        try await TestServer.with { test in
            _ = try await Self.ask(test, uid: 1000, ["ACQUIRE a 30s"])
            let client = try test.connect()
            let entries = try #require(try await client.ask("HOLDER a").entries)
            let fields = Dictionary(uniqueKeysWithValues: entries.map { ($0.key.text ?? "", $0.value) })
            #expect(fields["uid"]?.integer == 1000)
            #expect(fields["gid"]?.integer == 1000)
            #expect(fields["owner"]?.text == "socat")
        }
    }
}
