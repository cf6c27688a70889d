/// A list of any length, requested page by page as it is read.
///
///     for try await key in client.allKeys(prefix: Array("user/".utf8)) { … }
///
/// Each page is its own snapshot, and begins after the last element of the previous one. Pages get shorter if the
/// daemon's list limits are lower. A loop ends with a ``LeaseClientError`` if a page cannot be read; each new loop
/// starts over.
public struct PagedList<Element: Sendable>: AsyncSequence, Sendable {
    /// What a loop may end with.
    public typealias Failure = LeaseClientError

    typealias Fetch = @Sendable (_ last: Element?, _ count: Int) async throws(LeaseClientError) -> [Element]

    private let pageSize: Int
    private let fetch: Fetch

    init(pageSize: Int, fetch: @escaping Fetch) {
        precondition(pageSize > 0, "a page has at least one element")
        self.pageSize = pageSize
        self.fetch = fetch
    }

    /// Begins at the first element.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(pageSize: pageSize, fetch: fetch)
    }

    /// The iterator of a loop.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var pageSize: PageSize
        private let fetch: Fetch
        private var page: [Element] = []
        private var position = 0
        private var isLastPage = false

        fileprivate init(pageSize: Int, fetch: @escaping Fetch) {
            self.pageSize = PageSize(count: pageSize)
            self.fetch = fetch
        }

        /// The next element, or `nil` at the end.
        ///
        /// - Throws: ``LeaseClientError`` if the next element cannot be read; the next call tries again.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(LeaseClientError) -> Element? {
            if position == page.count {
                guard !isLastPage else { return nil }
                let last = page.last
                page = try await pageSize.page { [fetch] count throws(LeaseClientError) in
                    try await fetch(last, count)
                }
                position = 0
                isLastPage = page.count < pageSize.count
                guard !page.isEmpty else { return nil }
            }
            defer { position += 1 }
            return page[position]
        }

        /// The same as ``next(isolation:)``, without an actor.
        public mutating func next() async throws(LeaseClientError) -> Element? {
            try await next(isolation: nil)
        }
    }
}
