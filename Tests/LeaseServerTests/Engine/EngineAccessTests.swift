import LeaseCore
import LeaseWire
import Testing

@testable import LeaseServer

/// The access rules in the engine: every command asks, and a reload changes the rights of connected clients.
@Suite struct EngineAccessTests {
    private static func rule(
        _ effect: AccessRule.Effect,
        _ rights: Set<AccessRight>,
        _ subject: AccessRule.Subject = .everyone,
        on prefix: String = "closed/"
    ) -> AccessRule {
        AccessRule(effect, subject, rights, prefix: Array(prefix.utf8), label: "rule 1, '\(prefix)'")
    }

    /// A bench with rules, and a way to replace them.
    private static func withRules(_ rules: [AccessRule], body: (EngineBench) async throws -> Void) async throws {
        try await EngineBench.withLedger({ $0.accessRules = rules }, body: body)
    }

    private static func reload(_ rules: [AccessRule], on bench: EngineBench) async throws {
        try await bench.turn { engine in
            var configuration = engine.configuration
            configuration.accessRules = rules
            engine.apply(configuration)
        }
    }

    /// The reply to a command, even if it is a list, which is read beside the loop.
    private static func answer(_ line: String, from id: SessionID, on bench: EngineBench) async throws -> String {
        try await bench.send(line + "\r\n", from: id)
        try await bench.settle { $0.sessions[id]?.isWaiting != true && $0.sessions[id]?.isDeferred != true }
        try await bench.turns(1)
        return try await bench.output(of: id)
    }

    private static func isDenied(_ reply: String) -> Bool {
        reply.hasPrefix("-DENIED ") && reply.contains("by access rule 1, 'closed/'")
    }

    // MARK: - Every command

    /// The rights that each command needs, on names that the rule covers and names that it does not.
    private static let commands: [(line: String, needs: Set<AccessRight>)] = [
        ("ACQUIRE %n 30s", [.acquire]), ("ACQUIRE %n 30s WAIT 1s", [.acquire]),
        ("HOLDER %n", [.read, .acquire]), ("LEASES PREFIX %n", [.read, .acquire]),
        ("GET %n", [.read]), ("PREFIX CONTAINS %n c", [.read]), ("PREFIX LIST %n", [.read]),
        ("KEYS LIST PREFIX %n", [.read]), ("KEYS TRACKER %n", [.read]), ("EXPORT k %n", [.read]),
        ("PUT %n v", [.write]), ("DELETE %n", [.write]), ("PREFIX APPEND %n c", [.write]),
        ("PREFIX REMOVE %n c", [.write]), ("KEYS REMOVE k %n", [.write]),
        ("IMPORT KEY k SIMPLE v KEY %n SIMPLE v", [.write]), ("IMPORT KEY %n CHILD c", [.write]),
        ("SUBSCRIBE k %n", [.read, .acquire]), ("PSUBSCRIBE %n*", [.read, .acquire]),
        ("REVOKE %n", [.read, .acquire]), ("CHECK %n 5", []), ("TOKEN", []), ("PING", []),
    ]

    @Test(arguments: AccessRight.allCases)
    func aCommandIsDeniedWithoutTheRightThatItNeeds(right: AccessRight) async throws {
        for (line, needs) in Self.commands {
            // Lists, and commands that tell as much, are allowed with either of their rights.
            let denied: Set<AccessRight> = needs.contains(right) ? needs : [right]
            try await Self.withRules([Self.rule(.deny, denied)]) { bench in
                let client = try await bench.connect()
                for (name, isUnderRule) in [("closed/a", true), ("open/a", false)] {
                    let line = line.replacing("%n", with: name)
                    let reply = try await Self.answer(line, from: client, on: bench)
                    let isDenied = isUnderRule && needs.contains(right)
                    #expect(Self.isDenied(reply) == isDenied, "\(line) \(name): \(reply)")
                }
                let root = try await bench.connect(uid: 0)
                let reply = try await bench.ask(line.replacing("%n", with: "closed/a"), from: root)
                #expect(!reply.hasPrefix("-DENIED"), "\(line) by an administrator: \(reply)")
            }
        }
    }

    @Test func aListThatCouldHoldADeniedNameIsDenied() async throws {
        try await Self.withRules([Self.rule(.deny, [.read, .acquire])]) { bench in
            let client = try await bench.connect()
            for line in [
                "LEASES", "LEASES PREFIX clo", "KEYS LIST", "KEYS LIST PREFIX c", "KEYS RANGE 0 0", "PSUBSCRIBE *",
                "PSUBSCRIBE c?osed*",
            ] {
                #expect(Self.isDenied(try await bench.ask(line, from: client)), "\(line)")
            }
            for line in ["LEASES PREFIX open", "KEYS LIST PREFIX closet"] {
                #expect(try await Self.answer(line, from: client, on: bench) == "*0\r\n", "\(line)")
            }
            #expect(try await bench.ask("PSUBSCRIBE open*", from: client).hasPrefix("*3\r\n$10\r\npsubscribe"))
        }
    }

    @Test func aRefusedCommandHasDoneNothing() async throws {
        try await Self.withRules([Self.rule(.deny, [.write])]) { bench in
            let client = try await bench.connect()
            let import_ = "IMPORT KEY k SIMPLE v KEY closed/a SIMPLE v"
            #expect(Self.isDenied(try await bench.ask(import_, from: client)))
            #expect(try await Self.answer("KEYS LIST", from: client, on: bench) == "*0\r\n")
            _ = try await bench.ask("PUT k v", from: client)
            #expect(Self.isDenied(try await bench.ask("KEYS REMOVE k closed/a", from: client)))
            #expect(try await bench.ask("GET k", from: client) == "$1\r\nv\r\n")
        }
    }

    @Test func thatATokenIsOverIsSaidFirst() async throws {
        try await Self.withRules([Self.rule(.deny, [.write])]) { bench in
            let client = try await bench.connect()
            #expect(try await bench.ask("PUT closed/a v IF lease 5", from: client).hasPrefix("-EXPIRED "))
            let token = try await bench.acquire("lease 30s", by: client)
            #expect(Self.isDenied(try await bench.ask("PUT closed/a v IF lease \(token)", from: client)))
        }
    }

    /// In the turn in which a lease changes hands, it is free while others wait in line.
    @Test(arguments: ["ACQUIRE closed/a 30s WAIT FOREVER", "ACQUIRE closed/a 30s"])
    func whoMayNotAcquireJoinsNoLine(line: String) async throws {
        try await Self.withRules([Self.rule(.deny, [.acquire], .user(1001))]) { bench in
            let holder = try await bench.connect()
            let waiter = try await bench.connect()
            let denied = try await bench.connect(uid: 1001)
            let fence = try await bench.acquire("closed/a 30s", by: holder)
            #expect(try await bench.ask("ACQUIRE closed/a 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                bench.receive("RELEASE closed/a \(fence)\r\n", from: holder, on: engine)
                bench.receive("\(line)\r\nPING\r\n", from: denied, on: engine)
                #expect(engine.waiting.lines.count == 1 && engine.putOffRequests.isEmpty)
            }
            _ = try await bench.token(of: waiter)
            let answer = try await bench.output(of: denied)
            #expect(Self.isDenied(answer) && answer.hasSuffix("\r\n+PONG\r\n"), "\(answer)")
        }
    }

    @Test func whoMayNotSeeALeaseIsNotToldOfItsHolder() async throws {
        try await Self.withRules([Self.rule(.deny, [.acquire, .read], .user(1001))]) { bench in
            let holder = try await bench.connect()
            let denied = try await bench.connect(uid: 1001)
            _ = try await bench.acquire("closed/a 30s OWNER secret", by: holder)
            for line in ["REVOKE closed/a", "REVOKE closed/free", "KEYS REMOVE closed/a"] {
                let answer = try await bench.ask(line, from: denied)
                #expect(Self.isDenied(answer), "\(line): \(answer)")
                #expect(!answer.contains("secret") && !answer.contains("1000"), "\(line): \(answer)")
            }
            #expect(try await bench.ask("REVOKE closed/a", from: holder) == ":1\r\n")
        }
        // A lease that was granted stays its holder's to end.
        try await Self.withRules([]) { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("closed/a 30s", by: holder)
            try await Self.reload([Self.rule(.deny, [.acquire, .read])], on: bench)
            #expect(try await bench.ask("REVOKE closed/a", from: holder) == ":1\r\n")
        }
    }

    @Test func rulesAreAboutUsersAndTheirGroups() async throws {
        for (subject, isMeant) in [
            (AccessRule.Subject.user(1000), true), (.user(1001), false), (.group(1000), true), (.group(5), true),
            (.group(6), false),
        ] {
            try await Self.withRules([Self.rule(.deny, [.acquire], subject)]) { bench in
                let client = try await bench.connect(uid: 1000, groups: [4, 5])
                #expect(
                    Self.isDenied(try await bench.ask("ACQUIRE closed/a 30s", from: client)) == isMeant,
                    "\(subject)"
                )
            }
        }
    }

    /// A user whose groups are not known is refused if a rule about a group exists, since it might apply to the user.
    @Test func whoseGroupsAreNotKnownIsLetInOnlyWhereNothingDependsOnThem() async throws {
        try await Self.withRules([Self.rule(.deny, [.acquire], .user(1))]) { bench in
            let client = try await bench.connect(groups: nil)
            _ = try await bench.acquire("closed/a 30s", by: client)
            let root = try await bench.connect(uid: 0, groups: nil)
            try await Self.reload([Self.rule(.deny, [.acquire], .group(5))], on: bench)
            try await bench.turns(2)
            #expect(try await !bench.isOpen(client))
            #expect(try await bench.isOpen(root))
            await #expect(throws: LeaseError.self) { try await bench.connect(groups: nil) }
            _ = try await bench.connect(uid: 0, groups: nil)
            _ = try await bench.connect(groups: [])
        }
        try await EngineBench.withLedger({ $0.administrators.groups = [5] }) { bench in
            await #expect(throws: LeaseError.self) { try await bench.connect(groups: nil) }
        }
    }

    @Test func whoMayAdministerANameActsOnOthersTenures() async throws {
        let operators = Self.rule(.allow, [.admin], .group(5), on: "ops/")
        try await Self.withRules([operators]) { bench in
            let user = try await bench.connect(uid: 1000)
            let operatorOfSome = try await bench.connect(uid: 1001, groups: [5])
            let others = try await bench.connect(uid: 1002)
            for name in ["ops/a", "b"] {
                let fence = try await bench.acquire("\(name) 30s", by: user)
                #expect(try await bench.ask("REVOKE \(name)", from: others).hasPrefix("-DENIED "))
                #expect(try await bench.ask("KEYS REMOVE \(name)", from: others).hasPrefix("-DENIED "))
                let renewed = try await bench.ask("RENEW \(name) \(fence) 30s", from: operatorOfSome)
                #expect(renewed.hasPrefix(":") == (name == "ops/a"))
                let lease = "IMPORT KEY \(name) LEASE 9 \(bench.clock.now().wall.milliseconds + 9000)"
                // The command is allowed, so it meets the existing tenure.
                #expect(
                    try await bench.ask(lease, from: operatorOfSome).hasPrefix(
                        name == "ops/a" ? "-CONFLICT" : "-DENIED"
                    )
                )
                let removed = try await bench.ask("KEYS REMOVE \(name)", from: operatorOfSome)
                #expect(removed == ":1\r\n" || name == "b" && removed.hasPrefix("-DENIED "))
            }
        }
    }

    // MARK: - Reloads

    @Test func aReloadCountsForThoseWhoAreConnected() async throws {
        try await Self.withRules([]) { bench in
            let client = try await bench.connect()
            let fence = try await bench.acquire("closed/a 30s", by: client)
            try await Self.reload([Self.rule(.deny, [.acquire, .read])], on: bench)
            #expect(Self.isDenied(try await bench.ask("ACQUIRE closed/b 30s", from: client)))
            // A lease that was granted stays its holder's.
            #expect(try await bench.ask("HOLDER closed/a", from: client).contains("\(fence)"))
            let renewed = try await bench.ask("RENEW closed/a \(fence) 30s", from: client)
            let token = try #require(EngineBench.token(renewed))
            #expect(try await bench.ask("RELEASE closed/a \(token)", from: client) == "+OK\r\n")
            try await Self.reload([], on: bench)
            _ = try await bench.acquire("closed/b 30s", by: client)
        }
    }

    @Test func aReloadMakesAdministratorsAndTakesThatFromThem() async throws {
        try await Self.withRules([]) { bench in
            let user = try await bench.connect(uid: 1000)
            let other = try await bench.connect(uid: 1001)
            _ = try await bench.acquire("a 30s", by: user)
            #expect(try await bench.ask("REVOKE a", from: other).hasPrefix("-DENIED "))
            try await bench.turn { engine in
                var configuration = engine.configuration
                configuration.administrators.users = [1001]
                engine.apply(configuration)
            }
            #expect(try await bench.ask("REVOKE a", from: other) == ":1\r\n")
        }
    }

    @Test func aReloadEndsWaitsThatItDenies() async throws {
        try await Self.withRules([]) { bench in
            let holder = try await bench.connect(uid: 0)
            let waiter = try await bench.connect(uid: 1000)
            let next = try await bench.connect(uid: 1001)
            let fence = try await bench.acquire("closed/a 30s", by: holder)
            for client in [waiter, next] {
                try await bench.send("ACQUIRE closed/a 30s WAIT FOREVER\r\nPING\r\n", from: client)
            }
            try await Self.reload([Self.rule(.deny, [.acquire], .user(1000))], on: bench)
            try await bench.settle { !$0.hasMoreWork }
            let answer = try await bench.output(of: waiter)
            #expect(Self.isDenied(answer) && answer.hasSuffix("\r\n+PONG\r\n"), "\(answer)")
            #expect(try await bench.output(of: next) == "")
            _ = try await bench.ask("RELEASE closed/a \(fence)", from: holder)
            #expect(try await bench.output(of: next).hasPrefix(":"))
        }
    }

    @Test func aReloadEndsSubscriptionsThatItDenies() async throws {
        try await Self.withRules([]) { bench in
            let watcher = try await bench.connect()
            let root = try await bench.connect(uid: 0)
            _ = try await bench.ask("SUBSCRIBE closed/a open/a\r\nPSUBSCRIBE *", from: watcher)
            try await Self.reload([Self.rule(.deny, [.read, .acquire])], on: bench)
            #expect(
                try await bench.output(of: watcher)
                    == "*3\r\n$11\r\nunsubscribe\r\n$8\r\nclosed/a\r\n:2\r\n"
                    + "*3\r\n$12\r\npunsubscribe\r\n$1\r\n*\r\n:1\r\n"
            )
            _ = try await bench.acquire("closed/a 30s", by: root)
            #expect(try await bench.output(of: watcher) == "")
            _ = try await bench.acquire("open/a 30s", by: root)
            #expect(try await bench.output(of: watcher).contains(#""event":"acquired""#))
        }
    }
}
