import LeaseCore
import LeaseStore

/// Calls that are certain to meet in one turn.
///
/// A task created on the actor inherits its isolation, so all of these are queued on the store's executor before the
/// first one runs, and the turn that it opens ends after the last.
extension LeaseStore {
    func acquireTogether(_ names: [LeaseName]) -> [Task<Token, any Error>] {
        names.map { name in Task { try await self.acquire(name, ttl: .max) } }
    }

    func acquireTogetherAndClose(
        _ names: [LeaseName]
    ) -> (calls: [Task<Token, any Error>], closing: Task<Void, any Error>) {
        (acquireTogether(names), Task { try await self.close() })
    }

    func acquireAndListTogether(
        _ name: LeaseName
    ) -> (acquiring: Task<Token, any Error>, listing: Task<Int, any Error>) {
        (Task { try await self.acquire(name, ttl: .max) }, Task { try await self.leases().count })
    }

    func listTogether(_ count: Int) -> [Task<Int, any Error>] {
        (0..<count).map { _ in Task { try await self.leases().count } }
    }
}
