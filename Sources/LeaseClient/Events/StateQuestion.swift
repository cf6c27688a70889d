internal import LeaseCore
internal import LeaseWire

/// One question about who holds what.
enum StateQuestion {
    case holder(LeaseName)
    /// A page of the leases with a prefix, `count` of them.
    case leases(prefix: [UInt8], after: LeaseName? = nil, count: Int = Self.pageSize)

    /// How many leases a page has at the most.
    static let pageSize = 1000

    var command: OutgoingCommand {
        switch self {
        case .holder(let name): .holder(name)
        case .leases(let prefix, let after, let count): .leases(prefix: prefix, after: after, count: count)
        }
    }

    /// What an answer tells, and the question that comes next, if there is more.
    ///
    /// Returns `nil` if it is no answer to this question.
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

    /// The same question for a shorter page, since this one's is over the daemon's limits; `nil` if there is none.
    var shorter: StateQuestion? {
        guard case .leases(let prefix, let after, let count) = self, count > 1 else { return nil }
        return .leases(prefix: prefix, after: after, count: count / 2)
    }
}
