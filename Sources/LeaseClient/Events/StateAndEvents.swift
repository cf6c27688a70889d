internal import LeaseCore

/// A state that was asked for while messages came in, and the messages that it does not show already.
///
/// The daemon decided on each lease's part of the state at some instant between its messages. Fences tell where: they only
/// grow. What happened to an older tenure than the state's is past, and so is its grant; what happened to a newer one is
/// not. Where the state has no tenure, one that is only ever told to have ended was over before; one that is told from its
/// grant on is told whole, whichever side it was on.
struct StateAndEvents {
    /// Who holds what, by name.
    let state: [LeaseStatus]
    /// What has happened since.
    let events: [LeaseEvent]

    init(held: [LeaseName: LeaseStatus], kept: [LeaseEvent]) {
        state = held.values.sorted { $0.name < $1.name }
        /// The tenures that are told from their grant on.
        var begun: Set<Tenancy> = []
        events = kept.filter { message in
            if let status = held[message.name] {
                guard message.fence == status.fence else { return message.fence > status.fence }
                switch message.kind {
                case .acquired: return false
                case .overdue: return status.state != .overdue
                default: return true
                }
            }
            let tenancy = Tenancy(name: message.name, fence: message.fence)
            if message.kind == .acquired { begun.insert(tenancy) }
            return begun.contains(tenancy)
        }
    }

    private struct Tenancy: Hashable {
        let name: LeaseName
        let fence: Token
    }
}
