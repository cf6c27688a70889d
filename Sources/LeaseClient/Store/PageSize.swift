/// How many elements of a list are asked for at once: as many as the daemon's limits on lists allow.
struct PageSize: Sendable {
    private(set) var count: Int

    /// Asks for a page; for shorter ones from then on if the daemon finds it too big.
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
