internal import Synchronization

/// Wakes the one task that waits for it.
///
/// A ring is remembered until it is taken. The last revocation message is kept as well: a daemon that is asked
/// afterwards only says that the tenure is over, not why.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var revocation: LeaseEvent?
        var waiter: CheckedContinuation<Void, Never>?
    }

    // A ring may come from an event loop: the lock is held only while the state changes.
    private let state = Mutex(State())

    /// Wakes the waiting task, or the next one that waits.
    ///
    /// - Parameter message: the message about the lease that caused this, if any.
    func ring(_ message: LeaseEvent? = nil) {
        let waiter = state.withLock { state in
            state.isRung = true
            if let message, [.revoking, .revoked].contains(message.kind) { state.revocation = message }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Whether it was rung since the last call.
    func take() -> Bool {
        state.withLock { state in
            defer { state.isRung = false }
            return state.isRung
        }
    }

    /// The last message about an end by force.
    var revocation: LeaseEvent? { state.withLock(\.revocation) }

    /// Returns when it was rung or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    precondition(state.waiter == nil, "one task at a time waits for a bell")
                    // Checked under the lock: a later cancellation finds the waiter.
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
