import LeaseClient
import LeaseCore

extension Loss {
    /// A loss that the client library tells.
    init(_ loss: LeaseLoss) {
        self = loss.reason == .revoked ? .revoked(loss.message) : .expired(loss.message)
    }

    /// What an update means for the tenure with this fence, or `nil` if it goes on.
    init?(of fence: Token, in update: LeaseUpdate) {
        switch update {
        case .interrupted: return nil
        case .event(let event):
            guard event.fence == fence else { return nil }
            switch event.kind {
            case .revoking, .revoked: self = .revoked(Self.sentence(event))
            case .released, .expired, .lost: self = .expired("the tenure with fence \(fence) has ended: \(event.kind)")
            default: return nil
            }
        case .state(let leases):
            // Should it be ended by force, the state does not tell why; who renews it is told.
            guard !leases.contains(where: { $0.fence == fence }) else { return nil }
            self = .expired("the tenure with fence \(fence) is over")
        }
    }

    private static func sentence(_ event: LeaseEvent) -> String {
        let reason = event.reason.flatMap { $0.isEmpty ? nil : $0 } ?? "no reason was given"
        guard let after = event.after else { return reason }
        return "\(reason) (it ends within \(TimeText.short(after)))"
    }
}
