import LeaseClient
import LeaseCore

/// Tells who leads.
struct Board {
    let client: LeaseClient
    let lease: LeaseName

    /// Returns when the first leader has resigned.
    func show() async throws {
        for try await update in client.events(matching: [.name(lease)]) {
            switch update {
            case .state(let leases): print("leaders now: \(leases.count)")
            case .event(let event): print("board: \(event.kind)")
            case .interrupted: print("board: the daemon is away")
            }
        }
    }
}
