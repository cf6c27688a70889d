public import LeaseCore
internal import LeaseWire

/// Entries that fit into one `IMPORT`, and so into one transaction.
///
///     var batch = ImportBatch()
///     for piece in entries.lazy.flatMap(ImportBatch.pieces(of:)) where !batch.append(piece) {
///         try await client.import(batch.entries)
///         batch = ImportBatch(piece)
///     }
///     try await client.import(batch.entries)
///
/// A batch is far below the limits of a frame, so that it does not hold up other clients' commands for long. An entry
/// that needs more is a batch by itself.
public struct ImportBatch: Hashable, Sendable {
    /// The most entries.
    public static let maximumCount = 1000
    /// The most bytes of a batch of several entries, as they are sent.
    public static let maximumLength = 1 << 20
    /// The most words of a batch of several entries, as they are sent.
    private static let maximumWordCount = FrameLimits().arguments / 2

    /// The entries.
    public private(set) var entries: [StoreEntry] = []
    private var length = 0
    private var words = 0

    /// Creates an empty batch.
    public init() {}

    /// Creates a batch of one.
    public init(_ entry: StoreEntry) {
        append(entry)
    }

    /// Adds an entry if it fits; the first entry always does.
    ///
    /// - Returns: whether it was added.
    @discardableResult
    public mutating func append(_ entry: StoreEntry) -> Bool {
        let length = length + entry.encodedLength
        let words = words + entry.wordCount
        let fits =
            entries.count < Self.maximumCount && length <= Self.maximumLength && words <= Self.maximumWordCount
        guard entries.isEmpty || fits else { return false }
        entries.append(entry)
        self.length = length
        self.words = words
        return true
    }

    /// The entry in pieces that each fit one command: usually the entry itself.
    ///
    /// An entry that is too big for one command is split between its children; its value and its lease are in the first
    /// piece. Each piece is written whole or not at all. All pieces, written in any order and any number of times, add
    /// up to the entry.
    public static func pieces(of entry: StoreEntry) -> [StoreEntry] {
        let limits = FrameLimits()
        // The command's words and the frame's header come in addition to the entry.
        let fitsFrame = entry.wordCount < limits.arguments && entry.encodedLength + 64 <= limits.frame
        guard !fitsFrame else { return [entry] }
        var pieces: [StoreEntry] = []
        var piece = StoreEntry(key: entry.key, value: entry.value, lease: entry.lease)
        var (length, words) = (piece.encodedLength, piece.wordCount)
        for child in entry.children {
            let addition = StoreEntry.encodedLength(of: child)
            if length + addition > maximumLength || words + 2 > maximumWordCount {
                pieces.append(piece)
                piece = StoreEntry(key: entry.key)
                (length, words) = (piece.encodedLength, piece.wordCount)
            }
            piece.children.append(child)
            length += addition
            words += 2
        }
        return pieces + [piece]
    }
}
