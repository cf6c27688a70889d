import LeaseCore
import LeaseStore
import LeaseWire

/// A list that is under way: `LEASES`, one of the store's, or `CLIENT LIST`.
///
/// A list of the store is read on a snapshot beside the loop, so that a long one delays nobody, and shows the store as one commit left
/// it. For that commit to be of this instant whatever had ended by time is ended first, in slices between turns. The
/// journal is folded that far, too: what is not folded has to be read by each list.
///
/// The list of connections is made between two turns, one at a time, since it is as long as there are connections, and
/// each of them can ask for it.
struct Listing {
    let session: SessionID
    /// Who asked, whose lists take turns with those of other users.
    let user: UInt32
    let isAdministrator: Bool
    /// How the session's replies are written.
    let encoder: RESPEncoder
    /// What is read of the store, or `nil` for the connections.
    let query: StoreQuery?
    /// The instant that the list shows.
    let now: Moment
    /// How far the tables must be, once that is known.
    var target: Int64?
    /// How many slices have been folded for it.
    var slices = 0
    /// How many wait for each lease, as of the reading.
    var waiters: [LeaseName: Int] = [:]

    /// After so many slices a list is read as it is, with what is not folded yet: others may write as fast as slices
    /// fold.
    private static let mostSlices = 64

    /// Whether the tables are far enough to read the list, or it has waited for that long enough.
    func isReady(_ foldedThrough: Int64) -> Bool {
        guard query != nil, let target else { return false }
        return target <= foldedThrough || slices >= Self.mostSlices
    }
}
