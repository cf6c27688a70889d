internal import LeaseCore
internal import NIOCore

/// The words of one or more entries, joined: what `IMPORT` takes, and what `EXPORT` answers for each key.
///
///     KEY k [SIMPLE v] [CHILD c]… [LEASE token expires_at_ms [FENCE f] [TTL ms] [UID u] [OWNER label]]
///     │     └─────────────┬───────────────────────────────────┘ └────────── in any order ────────────┘
///     │                   └ in any order, CHILD any number of times
///     └ begins an entry
///
/// Words are read strictly: anything else is refused, and the message names the entry and the word. So is a fence above
/// its token. Every value is within the limits of `docs/PROTOCOL.md`, section 2.
struct EntryWords {
    /// The grammar of an entry, as `COMMAND DOCS` tells it.
    static let grammar = ArgumentSpec.required(
        "entry",
        parts: [
            .required("KEY", "key", .key), .option("SIMPLE", "value"), .option("CHILD", "child").repeated,
            .option(
                "LEASE",
                parts: [
                    .required("token", .integer), .required("expires-at-ms", .integer),
                    .option("FENCE", "fence", .integer), .option("TTL", "ms", .integer),
                    .option("UID", "uid", .integer), .option("OWNER", "label"),
                ]
            ),
        ]
    )

    private enum Keyword: String, CaseIterable {
        case key = "KEY"
        case simple = "SIMPLE"
        case child = "CHILD"
        case lease = "LEASE"
    }

    private enum LeaseKeyword: String, CaseIterable {
        case fence = "FENCE"
        case ttl = "TTL"
        case uid = "UID"
        case owner = "OWNER"
    }

    private let count: Int
    private let value: (Int) -> ArgumentValue
    /// The next word.
    private var index = 0
    /// The last keyword whose values were taken.
    private var lastKeyword = 0
    /// The number of the entry that is being read, from 1.
    private var entry = 0

    /// Creates a reader of `count` words, each found by its index.
    init(count: Int, value: @escaping (Int) -> ArgumentValue) {
        self.count = count
        self.value = value
    }

    /// Reads the next entry, or returns `nil` after the last word.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` or, if a value is over its limit, ``LeaseError/Code/tooBig``.
    mutating func next() throws(LeaseError) -> StoreEntry? {
        guard index < count else { return nil }
        entry += 1
        guard keyword(Keyword.self) == .key else { throw refused("is not KEY, with which an entry begins") }
        let key = try valueBehindKeyword { value throws(LeaseError) in try value.key(isNew: true) }
        var entry = StoreEntry(key: key)
        while index < count, let keyword = keyword(Keyword.self), keyword != .key {
            switch keyword {
            case .key: break
            case .simple:
                guard entry.value == nil else { throw refused("came twice") }
                entry.value = try valueBehindKeyword { value throws(LeaseError) in
                    Array(try value.simpleValue().readableBytesView)
                }
            case .child:
                let child = try valueBehindKeyword { value throws(LeaseError) in
                    try value.key("child", isNew: true)
                }
                entry.children.append(child)
            case .lease:
                guard entry.lease == nil else { throw refused("came twice") }
                entry.lease = try lease()
            }
        }
        guard index == count || keyword(Keyword.self) == .key else { throw refused("is no keyword here") }
        return entry
    }

    private mutating func lease() throws(LeaseError) -> EntryLease {
        let words = try values(2)
        let token = try located(words[0]) { value throws(LeaseError) in try value.token() }
        let expiry = try located(words[1]) { value throws(LeaseError) in try value.wallMilliseconds() }
        var lease = EntryLease(token: token, expiresAt: WallInstant(milliseconds: expiry))
        while index < count, let keyword = keyword(LeaseKeyword.self) {
            switch keyword {
            case .fence:
                guard lease.fence == nil else { throw refused("came twice") }
                lease.fence = try valueBehindKeyword { value throws(LeaseError) in
                    let fence = try value.token()
                    guard fence <= token else {
                        throw LeaseError(.invalidRequest, "the fence \(fence) is above its token \(token)")
                    }
                    return fence
                }
            case .ttl:
                guard lease.ttl == nil else { throw refused("came twice") }
                lease.ttl = try valueBehindKeyword { value throws(LeaseError) in try value.ttlMilliseconds() }
            case .uid:
                guard lease.uid == nil else { throw refused("came twice") }
                lease.uid = try valueBehindKeyword { value throws(LeaseError) in try value.uid() }
            case .owner:
                guard lease.owner == nil else { throw refused("came twice") }
                lease.owner = try valueBehindKeyword { value throws(LeaseError) in try value.label() }
            }
        }
        return lease
    }

    // MARK: - Words

    /// The current word as a keyword, case ignored.
    private func keyword<Word: RawRepresentable<String> & CaseIterable>(_ type: Word.Type) -> Word? {
        let word = value(index).bytes.readableBytesView
        return Word.allCases.first { PrintableBytes.equal(word, $0.rawValue) }
    }

    /// Takes the values after the current keyword, and moves past them.
    private mutating func values(_ needed: Int) throws(LeaseError) -> [ArgumentValue] {
        guard index + needed < count else {
            throw refused(needed == 1 ? "wants a value behind it" : "wants \(needed) values behind it")
        }
        let values = (1...needed).map { value(index + $0) }
        lastKeyword = index
        index += needed + 1
        return values
    }

    /// Reads the one value after the current keyword, and moves past it.
    private mutating func valueBehindKeyword<Value>(
        _ read: (ArgumentValue) throws(LeaseError) -> Value
    ) throws(LeaseError) -> Value {
        let value = try values(1)[0]
        return try located(value, read)
    }

    /// Reads a value; a refusal says where it is.
    private func located<Value>(
        _ value: ArgumentValue,
        _ read: (ArgumentValue) throws(LeaseError) -> Value
    ) throws(LeaseError) -> Value {
        do {
            return try read(value)
        } catch {
            throw LeaseError(error.code, "in entry \(entry), behind word \(lastKeyword + 1): \(error.message)")
        }
    }

    private func refused(_ what: String) -> LeaseError {
        let word = PrintableBytes.text(of: value(index).bytes.readableBytesView, limit: 32)
        return LeaseError(.invalidRequest, "in entry \(entry), word \(index + 1): '\(word)' \(what)")
    }
}

extension StoreEntry {
    /// Refuses a lease whose token is too high for a store: new tokens are above the imported ones, and must not run
    /// out.
    ///
    /// - Parameter number: the entry's number, from 1.
    func checkTokenForImport(number: Int) throws(LeaseError) {
        guard let token = lease?.token, token.rawValue > EntryLease.highestToken else { return }
        throw LeaseError(
            .invalidRequest,
            "in entry \(number): the token \(token) is above \(EntryLease.highestToken), the most that is imported"
        )
    }
}

extension ArgumentValue {
    /// Milliseconds since 1970.
    fileprivate func wallMilliseconds() throws(LeaseError) -> Int64 {
        guard let milliseconds = integer() else {
            throw LeaseError(.invalidRequest, "\(quoted) is not an instant; write milliseconds since 1970")
        }
        return milliseconds
    }

    /// A TTL as a bare number of milliseconds.
    fileprivate func ttlMilliseconds() throws(LeaseError) -> TTL {
        guard let milliseconds = integer(), let ttl = try? TTL(.milliseconds(milliseconds)) else {
            throw LeaseError(
                .invalidRequest,
                "\(quoted) is not a TTL here; write milliseconds from \(TTL.min.milliseconds) to \(TTL.max.milliseconds)"
            )
        }
        return ttl
    }

    /// The number of a user.
    fileprivate func uid() throws(LeaseError) -> UInt32 {
        guard let uid = number(UInt32.self) else {
            throw LeaseError(.invalidRequest, "\(quoted) is not a user's number; it is from 0 to \(UInt32.max)")
        }
        return uid
    }
}
