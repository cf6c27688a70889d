import NIOCore
import NIOEmbedded
import Testing

@testable import LeaseServer

@Suite(.timeLimit(.minutes(5))) struct SocketServiceTests {
    @Test func aSocketThatTakesNoConnectionsAnyMoreIsNotWaitedFor() async throws {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(unixDomainSocketPath: "s"))
        let wait = Task { await SocketService.untilShutdown(orCloseOf: channel) }
        try await channel.close()
        await wait.value
        #expect(!channel.isActive)
    }

    @Test func aStopLeavesTheSocketOpen() async throws {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(unixDomainSocketPath: "s"))
        let wait = Task { await SocketService.untilShutdown(orCloseOf: channel) }
        wait.cancel()
        await wait.value
        #expect(channel.isActive)
        try await channel.close()
    }
}
