/// Renews a lease until it is lost: the loop of ``LeaseClient/withLease(_:ttl:wait:holding:owner:grace:body:)``, for
/// programs that hold a lease in another way.
///
/// It survives lost connections and restarts of the daemon: a daemon that is down is not a loss, because nobody can be
/// granted. After a restart it binds or ties the lease again. It watches the lease on the client's connection and asks
/// for the holder after each subscription, so it learns at once of a revocation, whenever after the grant it comes.
public struct LeaseKeeper: Sendable {
    typealias Sleep = @Sendable (ContinuousClock.Instant) async throws -> Void

    private let client: LeaseClient
    private let held: HeldLease
    private let grace: Duration
    private let isLostAtDeadline: Bool
    private let attachedAnew: @Sendable (LeaseAttachment) -> Void
    private let sleep: Sleep

    /// Creates a keeper of a lease.
    ///
    /// - Parameters:
    ///   - client: a client of the daemon that granted the lease.
    ///   - held: the lease to keep; its token and deadline are updated at each renewal.
    ///   - grace: how long before the deadline the lease must no longer be relied on, to leave time to stop; zero by
    ///     default. A renewal is due at each third of the time left before the grace, with jitter. Unless the lease is
    ///     lost at its deadline, the pause after a renewal is at least ``LeaseClient/Configuration/maximumBackoff``, or a third of the time
    ///     left before the deadline if that is shorter.
    ///   - isLostAtDeadline: whether a lease that could not be renewed is lost at its deadline less the grace even if the
    ///     daemon is only away. By default it is not: nobody can be granted while the daemon is down. It must be where
    ///     someone acts on the deadline alone, or where another daemon grants from the same store.
    ///   - attachedAnew: called in the keeper's task when the lease is bound or tied to a new connection, before the
    ///     old one is closed. Processes started from then on must inherit the new descriptor.
    public init(
        client: LeaseClient,
        held: HeldLease,
        grace: Duration = .zero,
        isLostAtDeadline: Bool = false,
        attachedAnew: @escaping @Sendable (LeaseAttachment) -> Void = { _ in }
    ) {
        self.init(
            client: client,
            held: held,
            grace: grace,
            isLostAtDeadline: isLostAtDeadline,
            attachedAnew: attachedAnew
        ) {
            try await Task.sleep(until: $0, clock: .continuous)
        }
    }

    init(
        client: LeaseClient,
        held: HeldLease,
        grace: Duration,
        isLostAtDeadline: Bool,
        attachedAnew: @escaping @Sendable (LeaseAttachment) -> Void = { _ in },
        sleep: @escaping Sleep
    ) {
        self.client = client
        self.held = held
        self.grace = grace
        self.isLostAtDeadline = isLostAtDeadline
        self.attachedAnew = attachedAnew
        self.sleep = sleep
    }

    /// Keeps the lease, in the calling task.
    ///
    /// - Returns: why the lease was lost, as in ``HeldLease/loss``; `nil` if the task was cancelled, which leaves the
    ///   lease as it was.
    public func run() async -> LeaseLoss? {
        let bell = Bell()
        await client.connection.watch(held.name, bell: bell)
        let loss = await run(bell)
        await client.connection.unwatch(held.name, bell: bell)
        return loss
    }

    private func run(_ bell: Bell) async -> LeaseLoss? {
        var state = KeeperState(
            lease: held.lease,
            grace: grace,
            isLostAtDeadline: isLostAtDeadline,
            holding: held.attachment.holding,
            pause: client.configuration.maximumBackoff,
            now: .now,
            jitter: Self.jitter
        )
        while !Task.isCancelled {
            // It may end at any time, even while the daemon is being asked.
            if !held.attachment.isOpen { state.detached(now: .now) }
            switch state.step(now: .now) {
            case .sleep(let instant): await pause(&state, until: instant, or: bell)
            case .renew(let limit): await renew(&state, until: limit)
            case .look(let limit): await look(&state, until: limit)
            case .attach(let limit): await attach(&state, until: limit)
            case .lost(let loss):
                held.lost(loss)
                return loss
            }
            held.renewed(state.lease)
        }
        return nil
    }

    /// Waits until the instant, until the binding or tie ends, or until something happens to the lease.
    private func pause(_ state: inout KeeperState, until instant: ContinuousClock.Instant, or bell: Bell) async {
        let attachment = held.attachment
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await sleep(instant) }
            if state.isAttached {
                group.addTask { await attachment.ended() }
            }
            group.addTask { await bell.wait() }
            await group.next()
            group.cancelAll()
        }
        if bell.take() { state.alerted(by: bell.revocation, now: .now) }
    }

    /// Binds or ties the lease again.
    private func attach(_ state: inout KeeperState, until limit: ContinuousClock.Instant?) async {
        // Without a limit, as long as it takes: giving up a connection that the daemon has already bound or tied ends
        // the tenure.
        let timeout = Self.time(until: limit) ?? Self.forever
        do throws(LeaseClientError) {
            switch held.attachment {
            case .none: state.attached(nil, now: .now, jitter: Self.jitter)
            case .binding:
                let (lease, binding) = try await client.bindOnce(state.lease, timeout: timeout)
                held.attached(.binding(binding))
                attachedAnew(.binding(binding))
                state.attached(lease, now: .now, jitter: Self.jitter)
            case .tie(let old):
                let tie = try await client.tie(state.lease.name, token: state.lease.token, timeout: timeout)
                held.attached(.tie(tie))
                attachedAnew(.tie(tie))
                old.close()
                state.attached(nil, now: .now, jitter: Self.jitter)
            }
        } catch {
            state.attachingFailed(error, now: .now)
        }
    }

    private func renew(_ state: inout KeeperState, until limit: ContinuousClock.Instant?) async {
        do {
            let lease = try await client.extend(state.lease, timeout: Self.time(until: limit))
            state.renewed(lease, now: .now, jitter: Self.jitter)
        } catch {
            state.failed(error, now: .now)
        }
    }

    private func look(_ state: inout KeeperState, until limit: ContinuousClock.Instant?) async {
        do {
            let (status, sentAt) = try await client.holder(of: state.lease.name, timeout: Self.time(until: limit))
            state.looked(status, sentAt: sentAt, now: .now, jitter: Self.jitter)
        } catch {
            state.failed(error, now: .now)
        }
    }

    private static let forever = Duration.seconds(366 * 86_400)

    private static var jitter: Double { .random(in: 0.8...1) }

    private static func time(until limit: ContinuousClock.Instant?) -> Duration? {
        limit.map { max(ContinuousClock.now.duration(to: $0), .zero) }
    }
}
