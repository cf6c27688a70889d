import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

@Suite(.timeLimit(.minutes(5))) struct LeaseEventsTests {
    private func begin(_ daemon: FakeDaemon) async -> FakeDaemon.Incoming {
        let subscription = await daemon.next("PSUBSCRIBE")
        subscription.reply(.push([.text("psubscribe"), .text("*"), .integer(1)]))
        await daemon.next("LEASES").reply(.array([]))
        await daemon.next("PING").reply(.simpleString("PONG"))
        return subscription
    }

    private func message(_ kind: String, fence: Int) -> RESPValue {
        let payload = #"{"event":"\#(kind)","fence":\#(fence),"owner":"me","at_ms":1}"#
        return .push([.text("pmessage"), .text("*"), .text("a"), .text(payload)])
    }

    @Test func aLoopBeginsWithTheStateAndGoesOnOverARestart() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let told = Task {
            var told: [String] = []
            for try await update in client.events() {
                switch update {
                case .state(let leases): told.append("state \(leases.count)")
                case .event(let event): told.append("\(event.kind) \(event.fence)")
                case .interrupted: told.append("interrupted")
                }
                if told.last == "released 2" { break }
            }
            return told
        }
        let first = await begin(daemon)
        first.reply(message("acquired", fence: 1))
        await first.hangUp()
        let second = await begin(daemon)
        second.reply(message("acquired", fence: 2))
        second.reply(message("released", fence: 2))
        #expect(
            try await told.value == ["state 0", "acquired 1", "interrupted", "state 0", "acquired 2", "released 2"]
        )
        // The loop has ended, and so has its connection.
        await second.connectionEnd()
    }

    @Test func aSlowLoopHoldsBackTheDaemon() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        var iterator = client.events().makeAsyncIterator()
        async let beginning = begin(daemon)
        guard case .state = try await iterator.next() else {
            Issue.record("no state")
            return
        }
        let connection = await beginning
        // Far more than the sockets hold: the rest stays unsent.
        let count = 20_000
        let sent = connection.send((1...count).map { message("acquired", fence: $0) })
        for fence in 1...1000 {
            guard case .event(let event)? = try await iterator.next() else {
                Issue.record("no event")
                return
            }
            #expect(event.fence.rawValue == Int64(fence))
        }
        #expect(!sent.isOpen)
        for _ in 1001...count { _ = try await iterator.next() }
        await sent.wait()
    }

    @Test func aDaemonThatIsNotThereIsAnError() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        var iterator = client.events(matching: ["a*"]).makeAsyncIterator()
        for _ in 0..<2 {
            do {
                _ = try await iterator.next()
                Issue.record("there is an update")
            } catch {
                #expect(error.code == .connectionFailed)
            }
        }
    }

    @Test func aCancelledLoopEnds() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let loop = Task { for try await _ in client.events() {} }
        let connection = await begin(daemon)
        loop.cancel()
        #expect(await #expect(throws: LeaseClientError.self) { try await loop.value }?.code == .cancelled)
        await connection.connectionEnd()
    }

    @Test func aDaemonThatDoesNotGreetIsUnreachable() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .milliseconds(50) }
        let loop = Task { for try await _ in client.events() {} }
        #expect(await #expect(throws: LeaseClientError.self) { try await loop.value }?.code == .connectionFailed)
    }
}
