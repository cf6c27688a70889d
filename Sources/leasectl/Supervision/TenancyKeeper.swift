import LeaseClient
import LeaseCore

/// Acquires a lease, ties it, keeps it, and gives it back: the part of `leasectl run` and `hold` that talks to the
/// daemon.
///
/// It is told what to do by orders and by the cancellation of its task, and tells what happens by ``post``, in the
/// order of ``Tenancy/Event``.
struct TenancyKeeper: Sendable {
    /// Between two tries of what cannot be done just now.
    private static let pause: Duration = .milliseconds(200)
    /// Between two attempts to watch a daemon that refuses it.
    private static let watchPause: Duration = .seconds(5)

    let client: LeaseClient
    let request: Tenancy.Request
    let post: @Sendable (Tenancy.Event) -> Void

    /// Runs until the lease is given back, or was never granted.
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
        // A task of its own, since a cancelled one asks nothing more of the daemon; it ends within its patience.
        let result = await Task { await TenancyEnd(client: client, lease: held.lease).carryOut(order) }.value
        post(.released(result))
    }

    private func grant(_ lease: Lease, _ owner: String) -> Tenancy.Grant {
        Tenancy.Grant(name: lease.name, fence: lease.fence, owner: owner, ttl: lease.ttl)
    }

    // MARK: - Getting it

    /// Acquires, and ties if that is wanted: no job runs under a lease that is not tied.
    ///
    /// A grant that came too late to be used (the process was stopped while it waited, say) is none: it asks again,
    /// with the whole of its wait. A label that nobody typed is cut rather than refused: the daemon has done nothing
    /// then.
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

    /// Ties what was just granted; if that cannot be done, it is given back.
    ///
    /// A daemon that goes away in between keeps the lease for this caller when it comes back, so it is tried for as
    /// long as the lease lasts. A limit that is reached ends it at once, as it does when a lease is acquired.
    private func tie(_ lease: Lease) async throws(LeaseClientError) -> LeaseTie {
        /// What the daemon last said against it.
        var refusal: LeaseClientError?
        while true {
            let tie: LeaseTie
            do throws(LeaseClientError) {
                tie = try await client.tie(lease)
            } catch {
                let mayPass = error.isPassing && error.code != .busy && !error.isOwnShortage
                guard mayPass, !Task.isCancelled, .now < lease.deadline else {
                    if error.code != .expired { await giveBack(lease) }
                    // It was refused for as long as the lease lasted: another grant would fare no better.
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

    /// Keeps the lease until it is told what is to become of it; a cancelled task gives it back.
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
    /// A tied lease does not end by time. Any other is lost when it could not be renewed in time, also if the daemon is
    /// only away.
    private func renew(_ held: HeldLease) async {
        let keeper = LeaseKeeper(
            client: client,
            held: held,
            grace: request.grace,
            isLostAtDeadline: !request.isTied
        ) { [post] attachment in
            // What is started from now on inherits this one: the one before is dead.
            guard case .tie(let tie) = attachment, let number = TieDescriptor.copy(of: tie.descriptor) else { return }
            post(.tiedAnew(number))
        }
        if let loss = await keeper.run() { post(.lost(Loss(loss))) }
    }

    /// Hears at once that the tenure is over or is being ended by force; the renewals find out later.
    private func watch(_ held: HeldLease) async {
        while !Task.isCancelled {
            do throws(LeaseClientError) {
                for try await update in client.events(matching: [.name(request.name)]) {
                    if let loss = Loss(of: held.fence, in: update) { return post(.lost(loss)) }
                }
            } catch {
                // There are too many watchers, say: the renewals must do.
            }
            try? await Task.sleep(for: Self.watchPause)
        }
    }
}

extension LeaseClientError {
    /// Whether the same may be answered otherwise in a moment.
    var isPassing: Bool {
        switch code {
        case .connectionFailed, .connectionClosed, .clientClosed, .noAnswer, .busy, .ioError, .unavailable: true
        default: false
        }
    }
}
