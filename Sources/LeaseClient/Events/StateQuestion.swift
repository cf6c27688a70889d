internal import LeaseCore
internal import LeaseWire

/// One question about the holders of leases.
enum StateQuestion {
    case holder(LeaseName)
    /// A page of at most `count` leases with a prefix.
    case leases(prefix: [UInt8], after: LeaseName? = nil, count: Int = Self.pageSize)

    /// The number of leases in a full page.
    static let pageSize = 1000

    var command: OutgoingCommand {
        switch self {
        case .holder(let name): .holder(name)
        case .leases(let prefix, let after, let count): .leases(prefix: prefix, after: after, count: count)
        }
    }

    /// The leases in an answer, and the next question, if there is more.
    ///
    /// Returns `nil` if the reply does not answer this question.
    func answer(_ reply: RESPValue) -> (leases: [LeaseStatus], next: StateQuestion?)? {
        switch self {
        case .holder:
            if reply.isNull { return ([], nil) }
            return LeaseStatusReply(reply).map { ([LeaseStatus($0)], nil) }
        case .leases(let prefix, _, let count):
            guard let elements = reply.elements else { return nil }
            let leases = elements.compactMap { LeaseStatusReply($0).map(LeaseStatus.init) }
            guard leases.count == elements.count else { return nil }
            let next = leases.count < count ? nil : leases.last
            return (leases, next.map { .leases(prefix: prefix, after: $0.name, count: count) })
        }
    }

    /// The same question for a shorter page, because this one exceeds the daemon's limits; `nil` if it cannot be
    /// shorter.
    var shorter: StateQuestion? {
        guard case .leases(let prefix, let after, let count) = self, count > 1 else { return nil }
        return .leases(prefix: prefix, after: after, count: count / 2)
    }
}
