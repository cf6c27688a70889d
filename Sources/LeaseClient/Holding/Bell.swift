internal import Synchronization

/// Wakes the one task that waits for it.
///
/// That it was rung is remembered until somebody asks, and with it the last message of an end by force: who asks the
/// daemon afterwards is told that the tenure is over, and not why.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var revocation: LeaseEvent?
        var waiter: CheckedContinuation<Void, Never>?
    }

    // Whoever rings it may be on an event loop: the lock is held for no longer than a change of the state.
    private let state = Mutex(State())

    /// Wakes who waits, or the next who does.
    ///
    /// - Parameter message: what was told of the lease, if that is why.
    func ring(_ message: LeaseEvent? = nil) {
        let waiter = state.withLock { state in
            state.isRung = true
            if let message, [.revoking, .revoked].contains(message.kind) { state.revocation = message }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Whether it was rung since the last time that anybody asked.
    func take() -> Bool {
        state.withLock { state in
            defer { state.isRung = false }
            return state.isRung
        }
    }

    /// What was told last of an end by force.
    var revocation: LeaseEvent? { state.withLock(\.revocation) }

    /// Returns when it was rung, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    precondition(state.waiter == nil, "one task at a time waits for a bell")
                    // Looked at under the lock: a cancellation that comes later finds the waiter.
                    guard !state.isRung, !Task.isCancelled else { return true }
                    state.waiter = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
