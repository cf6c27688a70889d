internal import LeaseCore

/// A state that was read while messages arrived, and the messages that it does not show yet.
///
/// The daemon read each lease's state between two messages; fences, which only grow, tell where. If the state has a
/// tenure, messages of older fences and those of its own that the state shows (its grant, and that it is overdue) are
/// dropped, and newer ones are kept. If the state has none, a tenure's messages are kept only from its grant on: a
/// tenure that is only reported to end was over before.
struct StateAndEvents {
    /// Who holds what, by name.
    let state: [LeaseStatus]
    /// The events since then.
    let events: [LeaseEvent]

    init(held: [LeaseName: LeaseStatus], kept: [LeaseEvent]) {
        state = held.values.sorted { $0.name < $1.name }
        /// The tenures whose grant is among the messages.
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
