import LeaseCore
import LeaseStore
import Testing

@testable import LeaseServer

/// Which connections are accepted, and which the limits refuse.
@Suite struct EngineAdmissionTests {
    /// How many of `count` connections of a user are accepted.
    private func admitted(_ count: Int, uid: UInt32, groups: [UInt32] = [], to bench: EngineBench) async -> Int {
        var admitted = 0
        for _ in 0..<count {
            if (try? await bench.connect(uid: uid, groups: groups)) != nil { admitted += 1 }
        }
        return admitted
    }

    @Test func lastPlacesAreForAdministrators() async throws {
        try await EngineBench.with {
            $0.limits.connections = 6
            $0.limits.reservedForAdministrators = 2
        } body: { bench in
            #expect(await admitted(10, uid: 1000, to: bench) == 4)
            #expect(await admitted(1, uid: 1001, to: bench) == 0)
            #expect(await admitted(10, uid: 0, to: bench) == 2)
            #expect(await bench.engine.run { $0.counters.refusedConnections } == 6 + 1 + 8)
        }
    }

    @Test func usersLimitHoldsForEachByItselfAndNotForAdministrators() async throws {
        try await EngineBench.with {
            $0.limits.connectionsPerUser = 2
            $0.administrators = Administrators(users: [7], groups: [70])
        } body: { bench in
            #expect(await admitted(5, uid: 1000, to: bench) == 2)
            #expect(await admitted(5, uid: 1001, to: bench) == 2)
            #expect(await admitted(5, uid: 7, to: bench) == 5)
            #expect(await admitted(5, uid: 1002, groups: [1, 70], to: bench) == 5)
            #expect(await admitted(5, uid: 0, to: bench) == 5)
        }
    }

    @Test func closedConnectionMakesRoom() async throws {
        try await EngineBench.with {
            $0.limits.connectionsPerUser = 1
        } body: { bench in
            for _ in 0..<3 {
                let client = try await bench.connect(uid: 1000)
                await #expect(throws: LeaseError.self) { try await bench.connect(uid: 1000) }
                try await bench.turn { engine in bench.hangUp(client, on: engine) }
            }
        }
    }

    @Test func newLimitsHoldForWhatComesAndLeaveWhatIsThere() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect(uid: 1000)
            try await bench.turn { engine in
                var configuration = engine.configuration
                configuration.limits.connectionsPerUser = 1
                configuration.limits.nameBytes = 16
                configuration.limits.leases = 77
                engine.apply(configuration)
            }
            await #expect(throws: LeaseError.self) { try await bench.connect(uid: 1000) }
            try await bench.send("ACQUIRE \(String(repeating: "n", count: 17)) 30s\r\nPING\r\n", from: client)
            let output = try await bench.output(of: client)
            #expect(output.hasPrefix("-TOOBIG "))
            #expect(output.hasSuffix("+PONG\r\n"))
            #expect(await bench.script { $0.applied?.leaseQuota.total } == 77)
        }
    }
}
