package import LeaseCore

/// A query that is answered from the tables, on a snapshot beside the writer.
package enum StoreQuery: Sendable {
    /// The simple value of a key.
    case value(Key)
    /// Whether the key has the child.
    case contains(Key, child: Key)
    /// The leases in force, by name.
    case leases(LeasePage)
    /// The children of a key, in byte order, after one that need not exist.
    case children(of: Key, after: Key?, count: Int)
    /// The keys that begin with these bytes, with what they have, by key.
    case keys(prefix: [UInt8], after: Key?, count: Int)
    /// The keys whose hash lies in the ring interval (low, high], by ascending hash, then key.
    case range(low: UInt64, high: UInt64, after: Key?, count: Int)
    /// What a key has, and its hash.
    case tracker(Key)
    /// Everything that each of the keys has, with leases as they are at this instant.
    case export([Key], at: Moment)
}

/// The answer to a ``StoreQuery``, case by case.
package enum StoreListing: Sendable {
    case value([UInt8]?)
    case flag(Bool)
    case leases([(name: LeaseName, tenure: Tenure)])
    /// The answer to a query for children or for a range.
    case keys([Key])
    case trackedKeys([ListedKey])
    case tracker(KeyTracker?)
    case entries([StoreEntry])
}

/// How long a list may become before it is refused with `TOOBIG`.
package struct ListLimits: Sendable {
    /// No limit but memory.
    package static let none = ListLimits(elements: .max, bytes: .max)

    /// The most elements: leases, keys or children; in an export, values count, too.
    package var elements: Int
    /// The most bytes of names, keys, children and values together.
    package var bytes: Int

    /// Creates limits.
    package init(elements: Int, bytes: Int) {
        self.elements = elements
        self.bytes = bytes
    }
}
