import NIOCore
import NIOPosix
import Testing

@testable import LeaseServer

@Suite struct LoopWakeUpTests {
    /// The loop's isolation, in which a wake-up is made.
    private actor Starter {
        private nonisolated let eventLoop: any EventLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

        init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        func start(_ woken: @escaping @Sendable () -> Void) async throws -> NIOLoopBound<LoopWakeUp> {
            NIOLoopBound(try await LoopWakeUp.start(on: eventLoop, woken: woken), eventLoop: eventLoop)
        }
    }

    @Test func eachRoundOfCallsWakesOnce() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self)
        let bound = try await Starter(eventLoop: loop).start { wake.yield() }
        var count = 0
        for calls in [1, 5, 1] {
            try await loop.submit {
                for _ in 0..<calls { bound.value.call() }
            }.get()
            var iterator = wakes.makeAsyncIterator()
            #expect(await iterator.next() != nil)
            count += 1
        }
        try await loop.submit { bound.value.stop() }.get()
        try await group.shutdownGracefully()
        wake.finish()
        for await _ in wakes { count += 1 }
        #expect(count == 3, "what was called in one round came to more than one wake-up")
    }
}
