internal import LeaseWire
internal import NIOCore
internal import NIOPosix

/// The connection of one loop over ``LeaseEvents``: the shell around ``WatchState``.
///
/// An actor on its socket's event loop. It reads only while a task waits for an update, so that a slow loop holds back
/// the daemon instead of filling this process's memory.
actor EventConnection {
    private typealias Reader = CheckedContinuation<Result<LeaseUpdate, LeaseClientError>, Never>

    private nonisolated let configuration: LeaseClient.Configuration
    private nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private var state: WatchState
    private var channel: (any Channel)?
    /// Identifies the current connection; events of earlier ones are ignored.
    private var generation = 0
    /// Updates that were not taken yet: at most what one read brought.
    private var updates = CircularBuffer<LeaseUpdate>()
    private var failure: LeaseClientError?
    private var reader: Reader?
    /// Whether the pause before reconnecting ended while no task waited.
    private var isDue = false

    init(configuration: LeaseClient.Configuration, patterns: [LeasePattern]) {
        self.configuration = configuration
        self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.state = WatchState(patterns: patterns)
    }

    deinit {
        channel?.close(promise: nil)
    }

    /// The next update.
    ///
    /// - Throws: the error that ended the watch, or ``LeaseClientError/Code/cancelled``.
    func next() async throws(LeaseClientError) -> LeaseUpdate {
        let result: Result<LeaseUpdate, LeaseClientError> = await withTaskCancellationHandler {
            await withCheckedContinuation { read(with: $0) }
        } onCancel: {
            // `read` runs on the loop, so this comes after it.
            eventLoop.execute { self.assumeIsolated { $0.resume(.failure(.cancelled)) } }
        }
        return try result.get()
    }

    private func read(with reader: Reader) {
        if let update = updates.popFirst() {
            reader.resume(returning: .success(update))
        } else if let failure {
            reader.resume(returning: .failure(failure))
        } else {
            precondition(self.reader == nil, "one task at a time takes updates")
            self.reader = reader
            perform(state.start())
            if isDue { pauseEnded() }
            channel?.read()
        }
    }

    private func resume(_ result: Result<LeaseUpdate, LeaseClientError>) {
        guard let reader else { return }
        self.reader = nil
        reader.resume(returning: result)
    }

    // MARK: - Actions

    private func perform(_ actions: [WatchState.Action]) {
        for action in actions {
            switch action {
            case .connect: connect()
            case .pause(let attempt): schedule(in: configuration.backoff(attempt: attempt)) { $0.pauseEnded() }
            case .write(let bytes): channel?.writeAndFlush(bytes, promise: nil)
            case .closeChannel:
                generation += 1
                channel?.close(promise: nil)
                channel = nil
            case .tell(let update):
                if reader != nil {
                    resume(.success(update))
                } else {
                    updates.append(update)
                }
            case .fail(let error):
                failure = error
                resume(.failure(error))
            }
        }
    }

    /// Reconnects, but only while a task waits for an update: states that nobody takes must not pile up.
    private func pauseEnded() {
        isDue = reader == nil
        if !isDue { perform(state.pauseEnded()) }
    }

    private func schedule(in delay: Duration, _ body: @escaping @Sendable (isolated EventConnection) -> Void) {
        eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
            self?.assumeIsolated { body($0) }
        }
    }

    // MARK: - The socket

    private func connect() {
        generation += 1
        let generation = generation
        configuration.openChannel(on: eventLoop, readsByItself: false) { [weak self] event in
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
            channel.read()
            schedule(in: configuration.connectTimeout) { $0.answerTimedOut(generation: generation) }
        case .failure(let error):
            guard generation == self.generation else { return }
            perform(state.lost(configuration.unreachable(error)))
        }
    }

    private func answerTimedOut(generation: Int) {
        guard generation == self.generation, state.isGreeting else { return }
        perform(state.lost(configuration.silent))
    }

    private func handle(_ event: ReplyHandler.Event, generation: Int) {
        guard generation == self.generation else { return }
        switch event {
        case .reply(let reply): perform(state.received(reply))
        case .readComplete: if reader != nil { channel?.read() }
        case .ended(let error): perform(state.lost(configuration.ended(error)))
        }
    }
}
