import Glibc
import LeaseCore
import LeaseWire
import Testing

@testable import LeaseServer

/// The commands of a connection and of the server, as a client sees them.
@Suite struct LiveCommandTests {
    @Test func helloSwitchesTheVersionAndResetSwitchesBack() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let hello = try await client.ask("HELLO 3 SETNAME me")
            guard case .map(let entries) = hello else {
                Issue.record("\(hello)")
                return
            }
            let fields = Dictionary(uniqueKeysWithValues: entries.map { ($0.key.text ?? "", $0.value) })
            #expect(fields["server"]?.text == "leased")
            #expect(fields["proto"]?.integer == 3)
            #expect(fields["id"]?.integer == 1)
            #expect(try await client.ask("CLIENT GETNAME").text == "me")
            #expect(try await client.ask("HOLDER a") == .null)
            #expect(try await client.ask("RESET") == .simpleString("RESET"))
            #expect(try await client.ask("CLIENT GETNAME").isNull)
            #expect(try await client.ask("HELLO").elements?.count == 14)
            #expect(try await client.ask("HELLO 4").errorWord == "NOPROTO")
        }
    }

    @Test func clientListNamesEveryConnectionOnALineOfItsOwn() async throws {
        try await TestServer.with { test in
            let one = try test.connect()
            let other = try test.connect()
            _ = try await one.ask("CLIENT SETNAME first")
            _ = try await other.ask("CLIENT SETINFO lib-name python")
            let lines = try #require(try await other.ask("CLIENT LIST").text).split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines[0].hasPrefix("id=1 uid=\(getuid()) gid=\(getgid()) pid=\(getpid()) name=first "))
            #expect(lines[1].contains(" lib-name=python "))
            #expect(try await other.ask("CLIENT ID") == .integer(2))
        }
    }

    @Test func onlyTheOneDatabaseCanBeSelected() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            #expect(try await client.ask("SELECT 0") == .simpleString("OK"))
            #expect(try await client.ask("SELECT 1").errorWord == "ERR")
        }
    }

    @Test func informationIsInSectionsAndCountsWhatHappened() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            _ = try await client.ask("ACQUIRE a 30s")
            _ = try await client.ask("ACQUIRE a 30s")
            let text = try #require(try await client.ask("INFO").text)
            let sections = text.split(separator: "\r\n").filter { $0.hasPrefix("# ") }
            #expect(
                sections == ["# Server", "# Clients", "# Leases", "# Watching", "# Store", "# Stats", "# Errorstats"]
            )
            for line in [
                "connected_clients:1", "leases_held:1", "errorstat_CONFLICT:count=1", "total_commands_processed:3",
            ] {
                #expect(text.contains("\(line)\r\n"), "\(line)")
            }
            let leases = try #require(try await client.ask("INFO leases").text)
            #expect(leases.hasPrefix("# Leases\r\n"))
            #expect(leases.split(separator: "\r\n").filter { $0.hasPrefix("# ") }.count == 1)
            #expect(try await client.ask("INFO nothing").text == "")
        }
    }

    @Test func commandRepliesAgreeWithTheTable() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let count = try #require(try await client.ask("COMMAND COUNT").integer)
            let all = try #require(try await client.ask("COMMAND").elements)
            #expect(Int64(all.count) == count)
            for entry in all {
                let fields = try #require(entry.elements)
                let name = try #require(fields[0].text)
                let arity = try #require(fields[1].integer)
                // Commands with too few words are refused by name; a command that needs no arguments is not tried.
                guard abs(arity) > 1 else { continue }
                #expect(try await client.ask(name).errorWord == "ERR", "\(name)")
            }
            let docs = try #require(try await client.ask("COMMAND DOCS").entries)
            #expect(Int64(docs.count) == count)
            #expect(try await client.ask("NOSUCH").errorWord == "ERR")
        }
    }

    @Test func valueOverItsLimitIsRefusedAndTheConnectionLivesOn() async throws {
        try await TestServer.with {
            $0.limits.valueBytes = 2048
        } body: { test in
            let client = try test.connect()
            let value = String(repeating: "v", count: 4096)
            try await client.send("*2\r\n$4\r\nECHO\r\n$4096\r\n\(value)\r\n")
            #expect(try await client.reply().errorWord == "TOOBIG")
            #expect(try await client.ask("ACQUIRE \(String(repeating: "n", count: 1025)) 30s").errorWord == "TOOBIG")
            #expect(try await client.ask("PING") == .simpleString("PONG"))
        }
    }
}
