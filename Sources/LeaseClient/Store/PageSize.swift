/// How many elements of a list are requested at once: as many as the daemon's list limits allow.
struct PageSize: Sendable {
    private(set) var count: Int

    /// Requests a page; if the daemon finds it too big, this and all later pages are shorter.
    mutating func page<Element>(
        _ fetch: (_ count: Int) async throws(LeaseClientError) -> [Element]
    ) async throws(LeaseClientError) -> [Element] {
        while true {
            do throws(LeaseClientError) {
                return try await fetch(count)
            } catch {
                guard error.code == .tooBig, count > 1 else { throw error }
                count /= 2
            }
        }
    }
}
