import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// Lists: they wait until the tables are ready for them, and are then read off the event loop.
extension Engine {
    /// Begins a list; the session waits for it.
    ///
    /// - Parameter query: What is read from the store, or `nil` for the connections.
    func list(_ query: StoreQuery?, for session: Session, now: Moment) {
        session.isWaiting = true
        listings.waiting.append(
            Listing(
                session: session.id,
                user: session.caller.uid,
                isAdministrator: session.caller.isAdministrator,
                encoder: session.encoder,
                query: query,
                now: now,
                // The list of connections does not need the tables.
                target: query == nil ? 0 : nil
            )
        )
        scheduleTurn()
    }

    /// Advances the waiting lists after a turn's commit.
    ///
    /// - Parameter sweep: how far the turn has come in ending tenures by time.
    func advanceListings(now: Moment, sweep: Sweep) {
        guard !listings.isEmpty else { return listings.forgetTurns() }
        listings.waiting.removeAll { sessions[$0.session] == nil }
        var isFolding = true
        do throws(CommitFailure) {
            if listings.waiting.contains(where: { backend.foldedThrough < $0.target ?? .max }) {
                _ = try backend.fold(limit: Schedule.foldSlice, isPaced: true)
                for index in listings.waiting.indices { listings.waiting[index].slices += 1 }
            }
        } catch {
            switch error {
            case .refused:
                // What is not folded is read along with the tables: that takes longer, but a full disk stops no list.
                isFolding = false
            case .unknown(let failure): return fail(failure)
            }
        }
        for index in listings.waiting.indices
        where listings.waiting[index].target == nil && isSettled(listings.waiting[index], sweep) {
            listings.waiting[index].target = backend.lastDurableSequence
        }
        if case .refused(let refusal) = sweep {
            // Lists that wait for ends which the store refuses would wait as long as it does, and no list may show an
            // end that is not durable.
            refuseListings(refusal) { $0.target == nil }
        }
        let foldedThrough = isFolding ? backend.foldedThrough : .max
        var mostReads = Self.mostReads
        if backend.isWALOverlong {
            // Readers' snapshots must not overlap without end: a checkpoint does not pass them.
            mostReads = 1
            if listings.readsUnderWay == 0 {
                do throws(CommitFailure) {
                    try backend.checkpointWAL()
                } catch {
                    // If the disk refuses, it is tried again before the next read.
                    if case .unknown(let failure) = error { return fail(failure) }
                }
            }
        }
        while listings.readsUnderWay < mostReads, let listing = listings.take(where: { $0.isReady(foldedThrough) }) {
            read(listing)
        }
        if let listing = listings.take(where: { $0.query == nil }) {
            finish(listing, listConnections(for: listing))
        }
        // With all readers busy, the end of a read calls the next turn.
        let isBusy = listings.readsUnderWay >= mostReads
        if listings.waiting.contains(where: { !isBusy || $0.query == nil }) {
            hasMoreWork = true
        }
    }

    /// Whether every tenure whose time had come by the list's instant has ended, durably.
    private func isSettled(_ listing: Listing, _ sweep: Sweep) -> Bool {
        if case .whole = sweep { return true }
        return backend.earliestDue().map { $0 > listing.now.boot } ?? true
    }

    private func refuseListings(_ refusal: LeaseError, where isRefused: (Listing) -> Bool) {
        let refused = listings.waiting.filter(isRefused)
        listings.waiting.removeAll(where: isRefused)
        for listing in refused {
            finish(listing, .failure(refusal))
        }
    }

    /// The most lists that are read at a time: fewer than the store has readers, since asking for one too many would
    /// block.
    static let mostReads = 4

    private func read(_ listing: Listing) {
        guard let query = listing.query else { preconditionFailure("the connections are not in the store") }
        var listing = listing
        if case .leases = query {
            listing.waiters = waiting.lines.countsByLease
        }
        listings.readsUnderWay += 1
        let limits = ListLimits(elements: configuration.limits.listElements, bytes: configuration.limits.listBytes)
        backend.read(query, limits: limits) { [listing] result in
            let rendered = Self.render(result, of: listing, limits: limits)
            self.onLoop {
                $0.listings.readsUnderWay -= 1
                $0.finish(listing, rendered)
                $0.scheduleTurn()
            }
        }
    }

    /// The encoded list, or why there is none.
    private static func render(
        _ result: Result<StoreListing, any Error>,
        of listing: Listing,
        limits: ListLimits
    ) -> Result<ByteBuffer, LeaseError> {
        var list = ListBuffer(encoder: listing.encoder, limits: limits)
        do {
            switch try result.get() {
            case .leases(let leases):
                try list.writeArray(of: leases) { lease, encoder, buffer in
                    let status = LeaseStatusReply(
                        name: lease.name,
                        tenure: lease.tenure,
                        waiters: listing.waiters[lease.name] ?? 0,
                        now: listing.now
                    )
                    encoder.writeStatus(status, to: &buffer)
                }
            case .keys(let keys):
                try list.writeArray(of: keys) { $1.writeBulk($0.bytes, to: &$2) }
            case .trackedKeys(let keys):
                try list.writeArray(of: keys) { $1.writeListedKey($0, to: &$2) }
            case .entries(let entries):
                try list.writeArray(of: entries) { $1.writeEntry($0, to: &$2) }
            case .tracker(let tracker):
                list.write { encoder, buffer in
                    guard let tracker else { return encoder.writeNull(to: &buffer) }
                    encoder.writeTracker(tracker, to: &buffer)
                }
            case .value, .flag:
                preconditionFailure("what is no list is answered in its turn")
            }
            return .success(list.bytes)
        } catch let error as LeaseError {
            return .failure(error)
        } catch {
            return .failure(LeaseError(.ioError, "\(error); try again"))
        }
    }

    private func finish(_ listing: Listing, _ result: Result<ByteBuffer, LeaseError>) {
        guard let session = sessions[listing.session] else { return }
        switch result {
        case .success(var list):
            session.reply { $1.writeBuffer(&list) }
        case .failure(let error):
            counters.refused(error.code)
            session.reply(error)
        }
        resume(session)
    }
}
