/// Why a store could not be opened, or can no longer be used.
///
/// An error at opening leaves the store's content as it was, though perhaps migrated to this release's schema, or an
/// empty file where there was none. ``Code/syncFailed`` is the only error after which the file's content is unknown:
/// the store answers nothing more, and the file decides when it is opened again.
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

        /// Another process has the store open, or this one already has.
        public static let locked = Code(.locked)
        /// The file is not an SQLite database, or is another program's database.
        public static let notAStore = Code(.notAStore)
        /// The file is damaged: SQLite or the store's own checks say so.
        public static let damaged = Code(.damaged)
        /// A newer release has made or migrated the file.
        public static let newerSchema = Code(.newerSchema)
        /// The store was made with another key hash function.
        public static let hashChanged = Code(.hashChanged)
        /// The file or its folder cannot be created.
        public static let cannotCreate = Code(.cannotCreate)
        /// The file or its folder may not be read or written.
        public static let denied = Code(.denied)
        /// Reading or writing failed, or the disk is full; nothing that was asked for was done.
        public static let ioError = Code(.ioError)
        /// A sync failed: what the disk holds is unknown.
        public static let syncFailed = Code(.syncFailed)
        /// There is no such file.
        public static let missing = Code(.missing)
        /// A file is in the way and may not be replaced.
        public static let exists = Code(.exists)
        /// The file is a backup, which no store opens.
        public static let isBackup = Code(.isBackup)
        /// The file is a store, but not a backup.
        public static let notABackup = Code(.notABackup)
        /// The last token to be restored is ahead of the wall clock and no minimum was given, or the minimum is too
        /// high.
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

    /// The underlying error, if any.
    public let underlyingError: (any Error)?

    init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlyingError = underlying
    }

    /// The sentence.
    public var description: String { message }
}
