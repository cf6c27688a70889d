import NIOCore
import NIOEmbedded
import Testing

@testable import LeaseServer

@Suite(.timeLimit(.minutes(5))) struct SocketServiceTests {
    @Test func aSocketThatTakesNoConnectionsAnyMoreIsAnError() async throws {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(unixDomainSocketPath: "s"))
        let service = Task { try await SocketService.serve(on: channel) }
        try await channel.close()
        await #expect(throws: ListeningEnded.self) { try await service.value }
    }

    @Test func aStopLeavesTheSocketOpen() async throws {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(unixDomainSocketPath: "s"))
        let service = Task { try await SocketService.serve(on: channel) }
        service.cancel()
        try await service.value
        #expect(channel.isActive)
        try await channel.close()
    }
}
