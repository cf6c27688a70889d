internal import CLinux
internal import LeaseWire
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The one connection of a client: the shell around ``ConnectionState``.
///
/// An actor on its socket's event loop, so that what arrives is handled where it arrives, without a hop. It connects when
/// there is something to send.
actor ClientConnection {
    private typealias Waiter = CheckedContinuation<Result<Answer, LeaseClientError>, Never>

    nonisolated let configuration: LeaseClient.Configuration
    private nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private var state: ConnectionState
    private var channel: (any Channel)?
    /// Which of the connections is the present one; events of earlier ones mean nothing any more.
    private var generation = 0
    private var callers: [Int: (waiter: Waiter, timer: Scheduled<Void>?)] = [:]
    private var nextID = 0

    init(configuration: LeaseClient.Configuration) {
        self.configuration = configuration
        self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.state = ConnectionState(
            commandLimit: configuration.commandLimit,
            repetitionLimit: configuration.connectTimeout
        )
    }

    deinit {
        channel?.close(promise: nil)
    }

    // MARK: - Calls

    /// Sends a command and waits for its answer.
    ///
    /// - Parameter timeout: how long it may take, or `nil` for any time.
    /// - Throws: an error of the way there and back; an error that the daemon answers is an answer here.
    func answer(to command: OutgoingCommand, timeout: Duration?) async throws(LeaseClientError) -> Answer {
        let id = nextID
        nextID += 1
        let result: Result<Answer, LeaseClientError>
        if command.isShielded {
            result = await withCheckedContinuation { submit(command, id: id, timeout: timeout, waiter: $0) }
        } else {
            result = await withTaskCancellationHandler {
                await withCheckedContinuation { submit(command, id: id, timeout: timeout, waiter: $0) }
            } onCancel: {
                // The operation above runs on the loop, so this comes after the command was submitted.
                eventLoop.execute { self.assumeIsolated { $0.cancel(id: id) } }
            }
        }
        return try result.get()
    }

    /// Ends the connection.
    ///
    /// Calls under way, and later ones, fail.
    func close() async {
        let closing = channel
        perform(state.close())
        try? await closing?.closeFuture.get()
    }

    private func submit(_ command: OutgoingCommand, id: Int, timeout: Duration?, waiter: Waiter) {
        let timer = timeout.map { schedule(in: $0) { $0.timeOut(id: id, after: timeout ?? .zero) } }
        callers[id] = (waiter, timer)
        let request = ConnectionState.Request(
            id: id,
            bytes: command.bytes,
            isRepeatable: command.isRepeatable,
            isAwaitedWhenCancelled: command.undo != nil,
            undo: command.undo
        )
        perform(state.submit(request, now: .now))
    }

    private func cancel(id: Int) {
        guard callers[id] != nil else { return }
        perform(state.cancel(id: id))
    }

    private func timeOut(id: Int, after timeout: Duration) {
        let message = "no answer came within \(timeout); the daemon may still do what was asked"
        perform(state.abandon(id: id, LeaseClientError(.timedOut, message)))
    }

    private func finish(id: Int, _ result: Result<Answer, LeaseClientError>) {
        guard let caller = callers.removeValue(forKey: id) else { return }
        caller.timer?.cancel()
        caller.waiter.resume(returning: result)
    }

    // MARK: - Actions

    private func perform(_ actions: [ConnectionState.Action]) {
        for action in actions {
            switch action {
            case .connect: connect()
            case .pause(let attempt): schedule(in: configuration.backoff(attempt: attempt)) { $0.pauseEnded() }
            case .write(let bytes): channel?.writeAndFlush(bytes, promise: nil)
            case .closeChannel:
                generation += 1
                channel?.close(promise: nil)
                channel = nil
            case .succeed(let id, let answer): finish(id: id, .success(answer))
            case .fail(let id, let error): finish(id: id, .failure(error))
            case .limit(let id):
                let limit = configuration.connectTimeout
                schedule(in: limit) { $0.perform($0.state.abandon(id: id, .cancelled)) }
            }
        }
    }

    private func pauseEnded() {
        perform(state.pauseEnded())
    }

    @discardableResult
    private func schedule(
        in delay: Duration,
        _ body: @escaping @Sendable (isolated ClientConnection) -> Void
    ) -> Scheduled<Void> {
        eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
            self?.assumeIsolated { body($0) }
        }
    }

    // MARK: - The socket

    private func connect() {
        generation += 1
        let generation = generation
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    // A child that this process starts must not inherit the connection.
                    try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                        (socket: NIOBSDSocket.Handle) in
                        _ = clinux_set_close_on_exec(socket, 1)
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ReplyHandler { event in
                            self?.assumeIsolated { $0.handle(event, generation: generation) }
                        }
                    )
                }
            }
            .connect(unixDomainSocketPath: configuration.socketPath)
            .whenComplete { [weak self] result in
                guard let self else {
                    if case .success(let channel) = result { channel.close(promise: nil) }
                    return
                }
                self.assumeIsolated { $0.connected(result, generation: generation) }
            }
    }

    private func connected(_ result: Result<any Channel, any Error>, generation: Int) {
        switch result {
        case .success(let channel):
            guard generation == self.generation else {
                channel.close(promise: nil)
                return
            }
            self.channel = channel
            perform(state.connected())
            schedule(in: configuration.connectTimeout) { $0.greetingTimedOut(generation: generation) }
        case .failure(let error):
            guard generation == self.generation else { return }
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            let message = "cannot connect to \(configuration.socketPath): \(reason); is leased running?"
            perform(state.lost(LeaseClientError(.connectionFailed, message, underlyingError: error), now: .now))
        }
    }

    private func greetingTimedOut(generation: Int) {
        guard generation == self.generation, state.isGreeting else { return }
        let message = "\(configuration.socketPath) does not answer within \(configuration.connectTimeout)"
        perform(state.lost(LeaseClientError(.connectionFailed, message), now: .now))
    }

    private func handle(_ event: ReplyHandler.Event, generation: Int) {
        guard generation == self.generation else { return }
        switch event {
        case .reply(let reply): perform(state.received(reply, now: .now))
        case .ended(let error):
            let reason = error.map { " (\($0))" } ?? ""
            let message = "the daemon closed the connection at \(configuration.socketPath)\(reason)"
            perform(state.lost(LeaseClientError(.connectionFailed, message, underlyingError: error), now: .now))
        }
    }
}
