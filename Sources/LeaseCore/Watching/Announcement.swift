/// What watchers of a lease are told: something that has happened to it and is durable.
///
/// Announcements are made of the events of leases, in their order. Renewals, changes of the attachment, and what a
/// restart does are not announced: the holder stays the same.
package struct Announcement: Hashable, Sendable {
    /// What has happened.
    package enum Event: Hashable, Sendable {
        /// A tenure began, with this TTL.
        case acquired(ttl: TTL)
        /// Its holder gave the lease back.
        case released
        /// The tenure ended at its deadline.
        case expired
        /// The tenure is past its deadline and stays in force, since its holder is alive.
        case overdue
        /// The tenure is being ended by force, at the latest after this time.
        case revoking(reason: Label, after: Duration)
        /// The tenure was ended by force.
        case revoked(reason: Label)
        /// The connection that it was bound or tied to is gone, or its holder could not be told of the grant.
        case lost
    }

    /// The lease.
    package let name: LeaseName
    /// The fence of the tenure that it is about.
    package let fence: Token
    /// What the tenure's holder calls itself.
    package let owner: Label
    /// When it was decided.
    package let at: WallInstant
    /// What has happened.
    package let event: Event

    /// Creates an announcement.
    package init(name: LeaseName, fence: Token, owner: Label, at: WallInstant, event: Event) {
        self.name = name
        self.fence = fence
        self.owner = owner
        self.at = at
        self.event = event
    }

    /// Creates the announcement of an event, or `nil` if it is not announced.
    ///
    /// - Parameters:
    ///   - event: What has happened to the lease.
    ///   - name: The lease.
    ///   - tenure: The lease's tenure before it happened.
    ///   - at: When it was decided.
    package init?(_ event: TenureEvent, on name: LeaseName, before tenure: Tenure?, at: WallInstant) {
        guard let told = Event(event, before: tenure, at: at), let tenure = event.begun ?? tenure else { return nil }
        self.init(name: name, fence: tenure.fence, owner: tenure.holder.owner, at: at, event: told)
    }
}

extension Announcement.Event {
    fileprivate init?(_ event: TenureEvent, before tenure: Tenure?, at: WallInstant) {
        switch event {
        case .granted(let granted):
            self = .acquired(ttl: granted.ttl)
        case .imported(let imported):
            // An import over the tenure with its own fence does not change the holder.
            guard tenure == nil else { return nil }
            self = .acquired(ttl: imported.ttl)
        case .renewed, .attached, .resumed:
            return nil
        case .overdue:
            self = .overdue
        case .revoking(let revocation):
            self = .revoking(reason: revocation.reason, after: max(at.duration(to: revocation.end.wall), .zero))
        case .ended(let end):
            self.init(end)
        }
    }

    private init(_ end: TenureEnd) {
        switch end.cause {
        case .released: self = .released
        case .expired: self = .expired
        case .revoked: self = .revoked(reason: end.reason)
        case .lost: self = .lost
        }
    }
}

extension TenureEvent {
    /// The tenure that the event began, if any.
    fileprivate var begun: Tenure? {
        switch self {
        case .granted(let tenure), .imported(let tenure): tenure
        case .renewed, .attached, .overdue, .revoking, .resumed, .ended: nil
        }
    }
}
