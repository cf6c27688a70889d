import NIOCore
import Testing

@testable import LeaseServer

/// How much memory a connection keeps for input that it has already handled.
@Suite struct EngineMemoryTests {
    @Test func unfinishedFramesDoNotKeepWhatWasReadBefore() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            // Each read ends within a frame, so the buffer is never empty.
            let word = String(repeating: "x", count: 4000)
            try await bench.send("ECHO ", from: client)
            for _ in 0..<500 {
                try await bench.send("\(word)\r\nECHO ", from: client)
            }
            #expect(await bench.engine.run { $0.sessions[client]?.input.storageCapacity ?? .max } < 64 << 10)
        }
    }

    @Test func idleConnectionKeepsNoReadBuffer() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let value = String(repeating: "x", count: 1 << 20)
            try await bench.send("*2\r\n$4\r\nECHO\r\n$\(1 << 20)\r\n", from: client)
            try await bench.send(value, from: client)
            try await bench.send("\r\n", from: client)
            #expect(await bench.engine.run { $0.sessions[client]?.input.storageCapacity ?? .max } < 4096)
            #expect(try await bench.output(of: client).utf8.count > 1 << 20)
        }
    }
}
