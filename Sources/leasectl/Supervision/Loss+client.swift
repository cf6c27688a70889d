import LeaseClient
import LeaseCore

extension Loss {
    /// A loss as the client library reports it.
    init(_ loss: LeaseLoss) {
        self = loss.reason == .revoked ? .revoked(loss.message) : .expired(loss.message)
    }

    /// What an update means for the tenure with this fence; `nil` if the tenure goes on.
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
            // If it is being ended by force, the state does not say why; a refused renewal does.
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
