import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// A `LEASES` that is under way.
///
/// The list is read from the tables, on a snapshot beside the loop, so that a long one delays nobody. For it to be the
/// leases of this instant three things come first, each in slices between turns: whatever had ended by time is ended,
/// that is committed, and the journal is folded that far.
struct Listing {
    let session: SessionID
    let query: LeasesCommand
    /// The instant that the list shows.
    let now: Moment
    /// How far the tables must be, once that is known.
    var target: Int64?
}

extension Engine {
    /// Begins a list; the session waits for it.
    func list(_ query: LeasesCommand, for session: Session, now: Moment) {
        session.isWaiting = true
        listings.append(Listing(session: session.id, query: query, now: now, target: nil))
        scheduleTurn()
    }

    /// Takes the lists that are waiting a step further, after a turn's commit.
    ///
    /// - Parameter isSweptWhole: whether the turn has ended all whose time had come.
    func advanceListings(now: Moment, isSweptWhole: Bool) {
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
        for index in listings.indices where listings[index].target == nil {
            // Ends that this turn did not reach, or that the store refused, are still to be seen.
            let isSettled = isSweptWhole || backend.earliestEnd().map { $0 > listings[index].now.boot } ?? true
            if isSettled {
                listings[index].target = backend.lastDurableSequence
            }
        }
        while let first = listings.first, let target = first.target, backend.foldedThrough >= target {
            listings.removeFirst()
            read(first)
        }
        if !listings.isEmpty {
            scheduleTurn()
        }
    }

    private func refuseListings(_ refusal: LeaseError) {
        let refused = listings
        listings.removeAll()
        for listing in refused {
            finish(listing, .failure(refusal))
        }
    }

    private func read(_ listing: Listing) {
        let limits = configuration.limits
        let count = listing.query.count ?? .max
        // One more than there may be tells that there are too many.
        let page = LeasePage(
            prefix: listing.query.prefix,
            after: listing.query.after,
            count: min(count, limits.listElements + 1)
        )
        backend.read(page) { result in
            let rendered = Self.render(result, of: listing, limits: limits)
            self.onLoop { $0.finish(listing, rendered) }
        }
    }

    /// The leases as statuses, in both forms of RESP alike, or why there is no list.
    private static func render(
        _ result: Result<[(name: LeaseName, tenure: Tenure)], StoreError>,
        of listing: Listing,
        limits: Limits
    ) -> Result<[LeaseStatusReply], LeaseError> {
        switch result {
        case .failure(let failure):
            return .failure(LeaseError(.ioError, "\(failure.message); try again"))
        case .success(let leases):
            guard leases.count <= limits.listElements else {
                return .failure(
                    LeaseError(.tooBig, "there are more than \(limits.listElements) leases; page with AFTER and COUNT")
                )
            }
            return .success(leases.map { LeaseStatusReply(name: $0.name, tenure: $0.tenure, now: listing.now) })
        }
    }

    private func finish(_ listing: Listing, _ result: Result<[LeaseStatusReply], LeaseError>) {
        guard let session = sessions[listing.session] else { return }
        switch result {
        case .success(let statuses):
            var list = ByteBuffer()
            session.encoder.writeArrayHeader(statuses.count, to: &list)
            for status in statuses {
                session.encoder.writeStatus(status, to: &list)
                if list.readableBytes > configuration.limits.listBytes { break }
            }
            if list.readableBytes > configuration.limits.listBytes {
                session.reply(
                    LeaseError(
                        .tooBig,
                        "the list is over \(configuration.limits.listBytes) bytes; page with AFTER and COUNT"
                    )
                )
            } else {
                session.reply { $1.writeBuffer(&list) }
            }
        case .failure(let error):
            counters.refused(error.code)
            session.reply(error)
        }
        resume(session)
    }
}
