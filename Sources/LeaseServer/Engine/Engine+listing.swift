import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// A list that is under way: `LEASES`, or one of the store's.
///
/// The list is read from the tables, on a snapshot beside the loop, so that a long one delays nobody. For it to be what
/// is so at this instant three things come first, each in slices between turns: whatever had ended by time is ended,
/// that is committed, and the journal is folded that far.
struct Listing {
    let session: SessionID
    /// How the session's replies are written.
    let encoder: RESPEncoder
    let query: StoreQuery
    /// The instant that the list shows.
    let now: Moment
    /// How far the tables must be, once that is known.
    var target: Int64?
}

extension Engine {
    /// Begins a list; the session waits for it.
    func list(_ query: StoreQuery, for session: Session, now: Moment) {
        session.isWaiting = true
        listings.append(Listing(session: session.id, encoder: session.encoder, query: query, now: now, target: nil))
        scheduleTurn()
    }

    /// Takes the lists that are waiting a step further, after a turn's commit.
    ///
    /// - Parameter sweep: how far the turn has come with ending those whose time had come.
    func advanceListings(now: Moment, sweep: Sweep) {
        guard !listings.isEmpty else { return }
        listings.removeAll { sessions[$0.session] == nil }
        do throws(CommitFailure) {
            if listings.contains(where: { backend.foldedThrough < $0.target ?? .max }) {
                _ = try backend.fold(limit: Schedule.foldSlice)
            }
        } catch {
            switch error {
            case .refused(let refusal): return refuseListings(refusal)
            case .unknown(let failure): return fail(failure)
            }
        }
        for index in listings.indices where listings[index].target == nil && isSettled(listings[index], sweep) {
            listings[index].target = backend.lastDurableSequence
        }
        if case .refused(let refusal) = sweep {
            // Those that wait for ends which the store does not take would wait as long as it does not.
            refuseListings(refusal) { $0.target == nil }
        }
        while readsUnderWay < Self.mostReads, let first = listings.first, let target = first.target,
            backend.foldedThrough >= target
        {
            listings.removeFirst()
            read(first)
        }
        // With all readers at work, the end of a read calls the next turn.
        if !listings.isEmpty, readsUnderWay < Self.mostReads {
            hasMoreWork = true
        }
    }

    /// Whether all that had ended by the list's instant is ended, and that is committed.
    private func isSettled(_ listing: Listing, _ sweep: Sweep) -> Bool {
        if case .whole = sweep { return true }
        return backend.earliestEnd().map { $0 > listing.now.boot } ?? true
    }

    private func refuseListings(_ refusal: LeaseError, where isRefused: (Listing) -> Bool = { _ in true }) {
        let refused = listings.filter(isRefused)
        listings.removeAll(where: isRefused)
        for listing in refused {
            finish(listing, .failure(refusal))
        }
    }

    /// The most lists that are read at a time: fewer than the store has readers, since asking for one more would wait.
    private static let mostReads = 4

    private func read(_ listing: Listing) {
        readsUnderWay += 1
        let limits = ListLimits(elements: configuration.limits.listElements, bytes: configuration.limits.listBytes)
        backend.read(listing.query, limits: limits) { result in
            let rendered = Self.render(result, of: listing, limits: limits)
            self.onLoop {
                $0.readsUnderWay -= 1
                $0.finish(listing, rendered)
                $0.scheduleTurn()
            }
        }
    }

    /// The list as it is to be written, or why there is none.
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
                    let status = LeaseStatusReply(name: lease.name, tenure: lease.tenure, now: listing.now)
                    encoder.writeStatus(status, to: &buffer)
                }
            case .keys(let keys):
                try list.writeArray(of: keys) { $1.writeBulk($0.bytes, to: &$2) }
            case .trackedKeys(let keys):
                try list.writeArray(of: keys) { tracked, encoder, buffer in
                    encoder.writeListedKey(ListedKeyReply(key: tracked.key, kinds: tracked.kinds), to: &buffer)
                }
            case .entries(let entries):
                try list.writeArray(of: entries) { $1.writeEntry($0, to: &$2) }
            case .tracker(let tracker):
                list.write { encoder, buffer in
                    guard let tracker else { return encoder.writeNull(to: &buffer) }
                    encoder.writeTracker(TrackerReply(hash: tracker.hash, kinds: tracker.kinds), to: &buffer)
                }
            case .value, .flag:
                preconditionFailure("\(listing.query) is answered in its turn")
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
