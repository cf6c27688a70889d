public import LeaseCore

/// The entries of all keys with a prefix, requested as they are read.
///
/// Keys are listed page by page, and the entries of a page are requested together. If the answer would be too long,
/// each half of the page is requested separately. If a single key is too long, its value with its lease and its
/// children are requested separately and come as several entries.
public struct EntryList: AsyncSequence, Sendable {
    /// One entry, or a part of one that is too long.
    public typealias Element = StoreEntry
    /// What a loop may end with.
    public typealias Failure = LeaseClientError

    /// How many keys, or children of one key, are requested together.
    private static let pageSize = 256

    private let client: LeaseClient
    private let prefix: [UInt8]

    init(client: LeaseClient, prefix: [UInt8]) {
        self.client = client
        self.prefix = prefix
    }

    /// Begins at the first key.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(client: client, prefix: prefix)
    }

    /// The iterator of a loop.
    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        private let client: LeaseClient
        private let prefix: [UInt8]
        /// The last key of the last page.
        private var lastKey: Key?
        private var isLastPage = false
        private var pageSize = PageSize(count: EntryList.pageSize)
        /// The requests still to be sent, the next one last.
        private var tasks: [Piece] = []
        /// The entries already received, the next one last.
        private var entries: [StoreEntry] = []

        private enum Piece: Sendable {
            case keys(ArraySlice<Key>)
            /// What one key has apart from its children.
            case head(Key)
            case children(Key, after: Key?)
        }

        fileprivate init(client: LeaseClient, prefix: [UInt8]) {
            self.client = client
            self.prefix = prefix
        }

        /// The next entry, or `nil` at the end.
        ///
        /// - Throws: ``LeaseClientError`` if the next entry cannot be read; the next call tries again.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(LeaseClientError) -> StoreEntry? {
            while true {
                if let entry = entries.popLast() { return entry }
                if let piece = tasks.popLast() {
                    do throws(LeaseClientError) {
                        try await ask(for: piece)
                    } catch {
                        tasks.append(piece)
                        throw error
                    }
                } else if isLastPage {
                    return nil
                } else {
                    let page = try await pageSize.page { [client, prefix, lastKey] count throws(LeaseClientError) in
                        try await client.keys(prefix: prefix, after: lastKey, count: count)
                    }
                    isLastPage = page.count < pageSize.count
                    lastKey = page.last?.key ?? lastKey
                    if !page.isEmpty { tasks = [.keys(page.map(\.key)[...])] }
                }
            }
        }

        /// The same as ``next(isolation:)``, without an actor.
        public mutating func next() async throws(LeaseClientError) -> StoreEntry? {
            try await next(isolation: nil)
        }

        private mutating func ask(for piece: Piece) async throws(LeaseClientError) {
            switch piece {
            case .keys(let keys): try await ask(for: keys)
            case .head(let key):
                entries = [
                    StoreEntry(key: key, value: try await client.get(key), lease: try await lease(of: key))
                ]
            case .children(let key, let after):
                let children = try await pageSize.page { [client] count throws(LeaseClientError) in
                    try await client.children(of: key, after: after, count: count)
                }
                if children.count == pageSize.count { tasks.append(.children(key, after: children.last)) }
                if !children.isEmpty { entries = [StoreEntry(key: key, children: children)] }
            }
        }

        private mutating func ask(for keys: ArraySlice<Key>) async throws(LeaseClientError) {
            do {
                entries = try await client.export(Array(keys)).reversed()
            } catch {
                guard error.code == .tooBig else { throw error }
                let middle = keys.startIndex + keys.count / 2
                if keys.count > 1 {
                    tasks += [.keys(keys[middle...]), .keys(keys[..<middle])]
                } else if let key = keys.first {
                    tasks += [.children(key, after: nil), .head(key)]
                }
            }
        }

        /// The lease as `EXPORT` would report it, but for its end, which is off by the time of the answer and a millisecond.
        private func lease(of key: Key) async throws(LeaseClientError) -> EntryLease? {
            guard let status = try await client.holder(of: LeaseName(key)) else { return nil }
            return EntryLease(
                token: status.token,
                expiresAt: WallClock.now().advanced(by: status.remaining),
                fence: status.fence,
                ttl: try? TTL(status.ttl),
                uid: status.uid,
                owner: Label(sanitizing: status.owner.utf8)
            )
        }
    }
}
