import NIOCore
import NIOPosix
import Testing

@testable import LeaseServer

@Suite struct LoopWakeUpTests {
    @Test func eachRoundOfCallsWakesOnce() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self)
        let bound = try await LoopIsolation(loop).make { loop in
            try await LoopWakeUp.start(on: loop) { wake.yield() }
        }
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
