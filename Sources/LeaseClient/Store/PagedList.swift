/// A list of any length, asked for page by page as it is read.
///
///     for try await key in client.allKeys(prefix: Array("user/".utf8)) { … }
///
/// Each page is a snapshot of its own, and begins behind the last element of the one before. A daemon whose limits on
/// lists are lower than a page is asked for shorter ones. A loop over it ends with a ``LeaseClientError`` if a page
/// cannot be had; each new loop begins anew.
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

    /// The place in the list where a loop is.
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

        /// The next element, or `nil` behind the last one.
        ///
        /// - Throws: ``LeaseClientError`` if what comes next cannot be had; the next call asks for the same again.
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

        /// The next element, or `nil` behind the last one.
        ///
        /// - Throws: ``LeaseClientError`` if what comes next cannot be had; the next call asks for the same again.
        public mutating func next() async throws(LeaseClientError) -> Element? {
            try await next(isolation: nil)
        }
    }
}
