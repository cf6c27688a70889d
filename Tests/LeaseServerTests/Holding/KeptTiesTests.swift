import Glibc
import LeaseCore
import LeaseStore
import Logging
import NIOCore
import SystemdNotify
import Testing

@testable import LeaseServer

/// Ties that outlived the last daemon: which of them count, and what happens to the others.
@Suite struct KeptTiesTests {
    /// Two ends of a connection: the daemon's, which is handed over, and the client's.
    private final class Pair {
        let kept: Int32
        private(set) var client: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let result = socketpair(AF_UNIX, kind, 0, &ends)
            try #require(result == 0)
            (kept, client) = (ends[0], ends[1])
        }

        deinit { hangUp() }

        /// Closes the client's end.
        func hangUp() {
            if client >= 0 { close(client) }
            client = -1
        }

        /// Shuts down the client's writing side, as a tie's client does.
        func shutDown() {
            shutdown(client, Int32(SHUT_WR))
        }

        /// Whether the daemon's end is closed, in every process.
        var isClosed: Bool {
            var ready = pollfd(fd: client, events: 0, revents: 0)
            return poll(&ready, 1, 0) == 1 && ready.revents & Int16(POLLHUP) != 0
        }
    }

    private func name(_ fence: Int64, madeAt: Int64) throws -> TieName {
        TieName(fence: try #require(Token(rawValue: fence)), madeAt: BootInstant(nanoseconds: madeAt))
    }

    // MARK: Names

    @Test func aNameIsReadAsItIsWritten() throws {
        for (fence, madeAt) in [(1, 0), (1_763_900_000_000_000, 83_120_022), (Token.max.rawValue, .max)]
            as [(Int64, Int64)]
        {
            let name = try name(fence, madeAt: madeAt)
            #expect(name.text == "tie-\(fence)-\(madeAt)")
            #expect(TieName(name.text) == name)
        }
    }

    @Test(arguments: [
        "", "tie", "tie-", "tie-1", "tie-1-", "tie--1", "tie-0-1", "tie-1-2-3", "tie-1--2", "tie-x-1", "tie-1-x",
        "tye-1-1",
        "tie-9007199254740992-1", "tie-1-9223372036854775808", "leased.socket",
    ])
    func whatIsNoNameOfATieIsNone(text: String) {
        #expect(TieName(text) == nil)
    }

    // MARK: Which count

    @Test func ofTwoTiesOfATenureTheLaterCountsInWhateverOrderTheyCome() throws {
        for order in [[0, 1], [1, 0]] {
            let pairs = [try Pair(), try Pair()]
            let names = [try name(7, madeAt: 100), try name(7, madeAt: 200)]
            let kept = KeptTies(order.map { PassedDescriptor(name: names[$0].text, descriptor: pairs[$0].kept) })
            #expect(kept.ties.map(\.descriptor) == [pairs[1].kept])
            #expect(kept.superfluous == [names[0].text])
            #expect(pairs[0].isClosed && !pairs[1].isClosed)
            #expect(kept.fences == [names[0].fence])
            close(pairs[1].kept)
        }
    }

    @Test func whatIsNoTieIsClosedAndToBeRemoved() throws {
        let pair = try Pair()
        let kept = KeptTies([PassedDescriptor(name: "tie-of-old", descriptor: pair.kept)])
        #expect(kept.ties.isEmpty && kept.fences.isEmpty)
        #expect(kept.superfluous == ["tie-of-old"])
        #expect(pair.isClosed)
    }

    // MARK: A start with them

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Makes a store with tied tenures of these leases, as a stopped daemon leaves it; returns the fences.
    private func makeStore(_ leases: [String]) throws -> [Token] {
        let clock = try SystemLeaseClock()
        let ledger = try Ledger(path: folder.path + "/store", configuration: LedgerConfiguration(), clock: clock)
        var fences: [Token] = []
        let caller = Caller(uid: 1000, gid: 1000, pid: 1, isAdministrator: false)
        for lease in leases {
            let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(3600)), owner: .empty, request: nil)
            let name = try LeaseName(lease)
            guard case .token(let fence) = try ledger.perform(acquire, on: name, by: caller, now: clock.now()).get()
            else { throw LeaseError(.ioError, "no token") }
            _ = try ledger.perform(.tie(token: fence), on: name, by: caller, now: clock.now()).get()
            fences.append(fence)
        }
        try ledger.commit()
        try ledger.close()
        return fences
    }

    /// Starts a server on the store with these ties, and stops it.
    private func withServer(_ kept: KeptTies, _ body: (LeaseServer) async throws -> Void) async throws {
        let configuration = ServerConfiguration(socketPath: folder.path + "/s", storePath: folder.path + "/store")
        let server = try await LeaseServer.start(
            configuration: configuration,
            clock: try SystemLeaseClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            keptTies: kept
        )
        do {
            try await body(server)
        } catch {
            Issue.record(error)
        }
        try await server.engine.drain()
        try await server.engine.close()
        try await server.group.shutdownGracefully()
    }

    private func attachment(_ lease: String, _ server: LeaseServer) async throws -> Attachment? {
        let name = try LeaseName(lease)
        return await server.engine.run { $0.backend.tenure(of: name)?.attachment }
    }

    @Test func aKeptTieHoldsUntilItsClientIsGoneAndOneThatIsGoneAlreadyIsLost() async throws {
        let fences = try makeStore(["held", "gone"])
        let (held, gone, unknown) = (try Pair(), try Pair(), try Pair())
        held.shutDown()
        gone.hangUp()
        let kept = KeptTies([
            PassedDescriptor(name: try name(fences[0].rawValue, madeAt: 1).text, descriptor: held.kept),
            PassedDescriptor(name: try name(fences[1].rawValue, madeAt: 2).text, descriptor: gone.kept),
            // This tenure has ended meanwhile.
            PassedDescriptor(name: try name(5, madeAt: 3).text, descriptor: unknown.kept),
        ])
        try await withServer(kept) { server in
            try await eventually("the tenure whose tie is gone ends") { try await attachment("gone", server) == nil }
            try await eventually("a tie of no tenure is closed") { unknown.isClosed }
            #expect(try await attachment("held", server) == .tied)
            #expect(!held.isClosed)
            #expect(await server.engine.run { $0.tieCounts.total } == 1)
            held.hangUp()
            try await eventually("the tenure ends with its tie") { try await attachment("held", server) == nil }
            #expect(await server.engine.run { $0.tieCounts.total } == 0)
        }
    }

    @Test func aTenureWhoseTieWasNotKeptGoesOnByTime() async throws {
        let fences = try makeStore(["kept", "not kept"])
        let pair = try Pair()
        let kept = KeptTies([
            PassedDescriptor(name: try name(fences[0].rawValue, madeAt: 1).text, descriptor: pair.kept)
        ])
        try await withServer(kept) { server in
            let kept = try await attachment("kept", server)
            let other = try await attachment("not kept", server)
            #expect(kept == .tied)
            #expect(other == .nothing)
        }
        // The stop closes the daemon's end of the tie, but does not end the tenure.
        #expect(pair.isClosed)
        let ledger = try Ledger(
            path: folder.path + "/store",
            configuration: LedgerConfiguration(),
            clock: try SystemLeaseClock(),
            keptTies: [fences[0]]
        )
        #expect(Array(ledger.tiedLeases.keys) == [fences[0]])
        try ledger.close()
    }
}
