/// Why a store could not be opened, or can no longer be used.
///
/// An error at opening has left what the store holds as it was, though perhaps in this release's form, or an empty file
/// where there was none. ``Code/syncFailed`` is the one error after which nobody can say what
/// the file holds: the store answers nothing more, and the file decides when it is opened again.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    ///
    /// Stable, for programs; a later release may add to it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case locked, notAStore, damaged, newerSchema, hashChanged, cannotCreate, denied, ioError, syncFailed, closed
            case missing, exists, isBackup, notABackup, tokensAhead
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// Another process has the store open, or this one has already.
        public static let locked = Code(.locked)
        /// The file is no SQLite database, or the database of something else.
        public static let notAStore = Code(.notAStore)
        /// The file is damaged: SQLite, or the store's own check of what it reads, says so.
        public static let damaged = Code(.damaged)
        /// A newer release has made or migrated the file.
        public static let newerSchema = Code(.newerSchema)
        /// The store was made with another key hash function.
        public static let hashChanged = Code(.hashChanged)
        /// The file or its folder cannot be made.
        public static let cannotCreate = Code(.cannotCreate)
        /// The file or its folder may not be read or written.
        public static let denied = Code(.denied)
        /// Reading or writing failed, or the disk is full; nothing of what was asked is there.
        public static let ioError = Code(.ioError)
        /// A sync failed: what the disk holds is unknown.
        public static let syncFailed = Code(.syncFailed)
        /// There is no such file.
        public static let missing = Code(.missing)
        /// A file is in the way that may not be replaced.
        public static let exists = Code(.exists)
        /// The file is a backup, which no store is opened on.
        public static let isBackup = Code(.isBackup)
        /// The file is a store, but no backup of one.
        public static let notABackup = Code(.notABackup)
        /// The last token of what is to be restored is ahead of the wall clock, and nobody said where tokens are to go
        /// on; or what was said is too high.
        public static let tokensAhead = Code(.tokensAhead)
        /// The store has been closed.
        public static let closed = Code(.closed)

        /// The code's name in Swift.
        public var description: String { kind.rawValue }
    }

    /// The kind of failure.
    public let code: Code

    /// A sentence for people: it names the file and says what to do next.
    public let message: String

    /// What was thrown underneath, if something was.
    public let underlyingError: (any Error)?

    init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlyingError = underlying
    }

    /// The sentence.
    public var description: String { message }
}
