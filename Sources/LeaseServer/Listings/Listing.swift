import LeaseCore
import LeaseStore
import LeaseWire

/// A list that is under way: `LEASES`, one of the store's, or `CLIENT LIST`.
///
/// A list of the store is read from a snapshot, off the event loop: a long one delays nobody, and shows the store as
/// one commit left it. For that commit to be of the list's instant, tenures that had ended by then are ended first, in
/// slices between turns. The journal is folded that far, too: each list has to read what is not folded.
///
/// The list of connections is made between two turns, one at a time: it is as long as there are connections, and each
/// of them can ask for it.
struct Listing {
    let session: SessionID
    /// Who asked: the lists of different users take turns.
    let user: UInt32
    let isAdministrator: Bool
    /// How the session's replies are written.
    let encoder: RESPEncoder
    /// What is read from the store, or `nil` for the connections.
    let query: StoreQuery?
    /// The instant that the list shows.
    let now: Moment
    /// The sequence number up to which the journal should be folded first, once known.
    var target: Int64?
    /// How many slices have been folded for it.
    var slices = 0
    /// How many clients wait for each lease when the list is read.
    var waiters: [LeaseName: Int] = [:]

    /// After so many slices a list is read along with what is not folded yet: others may write as fast as slices fold.
    private static let mostSlices = 64

    /// Whether the tables are far enough to read the list, or it has waited long enough for that.
    func isReady(_ foldedThrough: Int64) -> Bool {
        guard query != nil, let target else { return false }
        return target <= foldedThrough || slices >= Self.mostSlices
    }
}
