import NIOCore

/// The isolation of an event loop, in which objects that belong to the loop are created.
actor LoopIsolation {
    private nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func make<Value>(
        _ start: @Sendable (any EventLoop) async throws -> sending Value
    ) async throws -> NIOLoopBound<Value> {
        NIOLoopBound(try await start(eventLoop), eventLoop: eventLoop)
    }
}
