import LeaseCore
import LeaseStore
import NIOCore
import NIOPosix
import Testing

@testable import LeaseServer

@Suite struct DeadlineTimerTests {
    /// Runs `body` with a timer, on its loop, and passes it the stream of firings.
    private func withTimer(
        _ body: (NIOLoopBound<DeadlineTimer>, any EventLoop, inout AsyncStream<Void>.Iterator) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let (fired, fire) = AsyncStream.makeStream(of: Void.self)
        let bound = try await LoopIsolation(loop).make { loop in
            try await DeadlineTimer.start(on: loop) { fire.yield() }
        }
        var iterator = fired.makeAsyncIterator()
        try await body(bound, loop, &iterator)
        try await loop.submit { bound.value.stop() }.get()
        try await group.shutdownGracefully()
    }

    private func now() throws -> BootInstant { try SystemLeaseClock().now().boot }

    @Test func pastInstantFiresAtOnce() async throws {
        let past = [BootInstant(nanoseconds: .min), BootInstant(nanoseconds: 0), try now().advanced(by: .seconds(-1))]
        try await withTimer { timer, loop, fired in
            for instant in past {
                try await loop.submit { timer.value.arm(at: instant) }.get()
                #expect(await fired.next() != nil)
                try await loop.submit { timer.value.didFire() }.get()
            }
        }
    }

    @Test func futureInstantFiresThenAndNotBefore() async throws {
        let instant = try now().advanced(by: .milliseconds(50))
        try await withTimer { timer, loop, fired in
            try await loop.submit { timer.value.arm(at: instant) }.get()
            #expect(await fired.next() != nil)
            #expect(try now() >= instant)
        }
    }

    @Test func lastInstantOfTheClockIsTakenAndAnEarlierOneReplacesIt() async throws {
        try await withTimer { timer, loop, fired in
            try await loop.submit {
                timer.value.arm(at: BootInstant(nanoseconds: .max))
                timer.value.arm(at: BootInstant(nanoseconds: 0))
            }.get()
            #expect(await fired.next() != nil)
        }
    }

    @Test func firedTimerFiresAgainAtTheSameInstantOnceItIsArmedAnew() async throws {
        try await withTimer { timer, loop, fired in
            for _ in 0..<3 {
                try await loop.submit {
                    timer.value.didFire()
                    timer.value.arm(at: BootInstant(nanoseconds: 0))
                }.get()
                #expect(await fired.next() != nil)
            }
        }
    }

    /// Moving a deadline back costs no system call: the timer fires at the earlier time, and is armed anew then.
    @Test func timerThatIsPutOffFiresTwice() async throws {
        let soon = try now().advanced(by: .milliseconds(20))
        try await withTimer { timer, loop, fired in
            let later = soon.advanced(by: .milliseconds(30))
            try await loop.submit {
                timer.value.arm(at: soon)
                timer.value.arm(at: nil)
                timer.value.arm(at: later)
            }.get()
            #expect(await fired.next() != nil)
            #expect(try now() >= soon)
            try await loop.submit {
                timer.value.didFire()
                timer.value.arm(at: later)
            }.get()
            #expect(await fired.next() != nil)
            #expect(try now() >= later)
        }
    }
}
