internal import LeaseCore
internal import LeaseWire
internal import NIOCore
internal import NIOPosix

/// A connection of a client: the shell around ``ConnectionState``.
///
/// An actor on its socket's event loop: what arrives is handled without a hop. It connects when there is something to
/// send.
actor ClientConnection {
    private typealias Waiter = CheckedContinuation<Result<Answer, LeaseClientError>, Never>

    nonisolated let configuration: LeaseClient.Configuration
    private nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private var state: ConnectionState
    private var channel: (any Channel)?
    /// Identifies the current connection; events of earlier ones are ignored.
    private var generation = 0
    private var callers: [Int: (waiter: Waiter, timer: Scheduled<Void>?)] = [:]
    private var nextID = 0
    private var watchers: [LeaseName: [ObjectIdentifier: Bell]] = [:]

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
    /// - Parameter timeout: how long the answer may take, or `nil` for no limit.
    /// - Throws: an error of the connection. An error that the daemon answers is returned as an answer.
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
                // `submit` runs on the loop, so this comes after it.
                eventLoop.execute { self.assumeIsolated { $0.cancel(id: id) } }
            }
        }
        return try result.get()
    }

    /// Ends the connection.
    ///
    /// Pending and later calls fail.
    func close() async {
        let closing = channel
        perform(state.close())
        try? await closing?.closeFuture.get()
    }

    /// Rings a bell whenever something may have happened to a lease, until ``unwatch(_:bell:)``.
    ///
    /// It also rings at once, because earlier events were not reported. Later questions about the lease are sent after
    /// the subscription, even on a connection that replaces this one, so that nothing is missed in between.
    func watch(_ name: LeaseName, bell: Bell) {
        watchers[name, default: [:]][ObjectIdentifier(bell)] = bell
        perform(state.watch(name))
        bell.ring()
    }

    func unwatch(_ name: LeaseName, bell: Bell) {
        guard watchers[name]?.removeValue(forKey: ObjectIdentifier(bell)) != nil else { return }
        if watchers[name]?.isEmpty == true { watchers[name] = nil }
        perform(state.unwatch(name))
    }

    /// Hands over the connection: it stays open, and nothing is sent or read here any more.
    ///
    /// Returns `nil` if it was lost, or if commands are pending on it.
    func detach() -> (any Channel)? {
        guard let actions = state.detach() else { return nil }
        perform(actions)
        generation += 1
        defer { channel = nil }
        return channel
    }

    private func submit(_ command: OutgoingCommand, id: Int, timeout: Duration?, waiter: Waiter) {
        let timer = timeout.map { schedule(in: $0) { $0.timeOut(id: id, after: timeout ?? .zero) } }
        callers[id] = (waiter, timer)
        let request = ConnectionState.Request(
            id: id,
            bytes: command.bytes,
            isRepeatable: command.isRepeatable,
            whenCancelled: command.whenCancelled,
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
        perform(state.abandon(id: id, LeaseClientError(.noAnswer, message)))
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
            case .closeOutput: channel?.close(mode: .output, promise: nil)
            case .succeed(let id, let answer): finish(id: id, .success(answer))
            case .fail(let id, let error): finish(id: id, .failure(error))
            case .alert(let name, let message):
                for bell in (watchers[name] ?? [:]).values { bell.ring(message) }
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
        configuration.openChannel(on: eventLoop) { [weak self] event in
            self?.assumeIsolated { $0.handle(event, generation: generation) }
        }
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
            perform(state.lost(configuration.unreachable(error), now: .now))
        }
    }

    private func greetingTimedOut(generation: Int) {
        guard generation == self.generation, state.isGreeting else { return }
        perform(state.lost(configuration.silent, now: .now))
    }

    private func handle(_ event: ReplyHandler.Event, generation: Int) {
        guard generation == self.generation else { return }
        switch event {
        case .reply(let reply): perform(state.received(reply, now: .now))
        case .readComplete: break
        case .ended(let error):
            perform(state.lost(configuration.ended(error), now: .now))
        }
    }
}
