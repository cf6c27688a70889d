public import LeaseCore
internal import LeaseWire

/// Entries that fit into one `IMPORT`, and so into one transaction.
///
///     var batch = ImportBatch()
///     for entry in entries where !batch.append(entry) {
///         try await client.import(batch.entries)
///         batch = ImportBatch(entry)
///     }
///     try await client.import(batch.entries)
///
/// It is far below the limits of a frame, so that no batch holds up the commands of others for long.
public struct ImportBatch: Hashable, Sendable {
    /// The most entries.
    public static let maximumCount = 1000
    /// The most bytes of a batch of several entries, as they are sent.
    public static let maximumLength = 1 << 20

    /// The entries.
    public private(set) var entries: [StoreEntry] = []
    private var length = 0
    private var words = 0

    /// Creates a batch of none.
    public init() {}

    /// Creates a batch of one.
    public init(_ entry: StoreEntry) {
        append(entry)
    }

    /// Adds an entry if it fits; the first always does.
    ///
    /// - Returns: whether it was added.
    @discardableResult
    public mutating func append(_ entry: StoreEntry) -> Bool {
        let length = length + entry.encodedLength
        let words = words + entry.wordCount
        let fits =
            entries.count < Self.maximumCount && length <= Self.maximumLength
            && words <= FrameLimits().arguments / 2
        guard entries.isEmpty || fits else { return false }
        entries.append(entry)
        self.length = length
        self.words = words
        return true
    }
}
