import LeaseClient
import LeaseCore

/// Acquires a lease, ties it, keeps it and releases it: the part of `leasectl run` and `hold` that talks to the daemon.
///
/// It is controlled by orders and by the cancellation of its task, and reports events by ``post``, in the order of
/// ``Tenancy/Event``.
struct TenancyKeeper: Sendable {
    /// The pause between two attempts at something that fails for the moment.
    private static let pause: Duration = .milliseconds(200)
    /// The pause between two attempts to watch, if the daemon refuses.
    private static let watchPause: Duration = .seconds(5)

    let client: LeaseClient
    let request: Tenancy.Request
    let post: @Sendable (Tenancy.Event) -> Void

    /// Runs until the lease is released, or was never granted.
    func run(orders: AsyncStream<Tenancy.Order>) async {
        let lease: Lease
        let tie: LeaseTie?
        let owner: String
        do throws(LeaseClientError) {
            (lease, tie, owner) = try await acquire()
        } catch {
            post(error.returnedFence == nil ? .refused(Refusal(error)) : .released(.released))
            return
        }
        let descriptor = tie.flatMap { TieDescriptor.copy(of: $0.descriptor) }
        guard tie == nil || descriptor != nil else {
            await giveBack(lease)
            post(.refused(Refusal(kind: .shortage, message: "no descriptor is left for the tie of the lease")))
            return
        }
        post(.granted(grant(lease, owner), tie: descriptor))

        let held = HeldLease(lease, attachment: tie.map { .tie($0) } ?? .none)
        let order = await keep(held, until: orders)
        // A separate task, because a cancelled one cannot ask the daemon any more; it ends within its patience.
        let result = await Task { await TenancyEnd(client: client, lease: held.lease).carryOut(order) }.value
        post(.released(result))
    }

    private func grant(_ lease: Lease, _ owner: String) -> Tenancy.Grant {
        Tenancy.Grant(name: lease.name, fence: lease.fence, owner: owner, ttl: lease.ttl)
    }

    // MARK: - Getting it

    /// Acquires, and ties if requested: no job runs under a lease that is not tied.
    ///
    /// A grant that expired before it could be used (because the process was stopped while it waited, say) does not
    /// count: it asks again, with the whole wait. A default label that is too long for the daemon is shortened; the
    /// refused command had no effect.
    private func acquire() async throws(LeaseClientError) -> (Lease, LeaseTie?, owner: String) {
        var owner = request.owner
        while true {
            do throws(LeaseClientError) {
                let lease = try await client.acquire(
                    request.name,
                    ttl: request.ttl,
                    wait: request.wait,
                    owner: owner
                )
                return (lease, request.isTied ? try await tie(lease) : nil, owner)
            } catch {
                if error.code == .tooBig, let shortOwner = request.shortOwner, shortOwner != owner {
                    owner = shortOwner
                    continue
                }
                guard error.code == .expired, !Task.isCancelled else { throw error }
            }
        }
    }

    /// Ties a lease that was just granted; if that fails, releases it.
    ///
    /// A daemon that goes away in between still has the lease when it comes back, so the tie is retried until the
    /// lease's deadline. A reached limit fails at once, as when a lease is acquired.
    private func tie(_ lease: Lease) async throws(LeaseClientError) -> LeaseTie {
        /// The daemon's last refusal, if any.
        var refusal: LeaseClientError?
        while true {
            let tie: LeaseTie
            do throws(LeaseClientError) {
                tie = try await client.tie(lease)
            } catch {
                let mayPass = error.isPassing && error.code != .busy && !error.isOwnShortage
                guard mayPass, !Task.isCancelled, .now < lease.deadline else {
                    if error.code != .expired { await giveBack(lease) }
                    // It was refused for as long as the lease lasted: another grant would not help.
                    throw error.code == .expired ? refusal ?? error : error
                }
                refusal = error.code.answer == nil ? nil : error
                try? await Task.sleep(for: Self.pause)
                continue
            }
            guard Task.isCancelled else { return tie }
            await giveBack(lease)
            throw LeaseClientError(.cancelled, "the call was cancelled")
        }
    }

    private func giveBack(_ lease: Lease) async {
        _ = await Task { await TenancyEnd(client: client, lease: lease).carryOut(.release) }.value
    }

    // MARK: - Keeping it

    /// Keeps the lease until an order arrives; a cancelled task releases it.
    private func keep(_ held: HeldLease, until orders: AsyncStream<Tenancy.Order>) async -> Tenancy.Order {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await renew(held) }
            group.addTask { await watch(held) }
            var order: Tenancy.Order?
            for await next in orders {
                order = next
                break
            }
            group.cancelAll()
            return order ?? .release
        }
    }

    /// Renews the lease until it is lost, and ties it again after a restart of the daemon.
    ///
    /// A tied lease does not end by time. Any other is lost if it could not be renewed in time, even if the daemon is
    /// only away.
    private func renew(_ held: HeldLease) async {
        let keeper = LeaseKeeper(
            client: client,
            held: held,
            grace: request.grace,
            isLostAtDeadline: !request.isTied
        ) { [post] attachment in
            // Programs started from now on inherit this tie; the previous one is dead.
            guard case .tie(let tie) = attachment, let number = TieDescriptor.copy(of: tie.descriptor) else { return }
            post(.tiedAnew(number))
        }
        if let loss = await keeper.run() { post(.lost(Loss(loss))) }
    }

    /// Reports at once that the tenure is over or is being ended by force; renewals would find out later.
    private func watch(_ held: HeldLease) async {
        while !Task.isCancelled {
            do throws(LeaseClientError) {
                for try await update in client.events(matching: [.name(request.name)]) {
                    if let loss = Loss(of: held.fence, in: update) { return post(.lost(loss)) }
                }
            } catch {
                // Too many watchers, for example: the renewals suffice.
            }
            try? await Task.sleep(for: Self.watchPause)
        }
    }
}

extension LeaseClientError {
    /// Whether the same call may succeed in a moment.
    var isPassing: Bool {
        switch code {
        case .connectionFailed, .connectionClosed, .clientClosed, .noAnswer, .busy, .ioError, .unavailable: true
        default: false
        }
    }
}
