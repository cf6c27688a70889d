package import LeaseCore

extension Announcement {
    /// The message on the lease's channel: one line of JSON.
    ///
    ///     {"event":"acquired","fence":1795370630905246,"owner":"backup","at_ms":1795370630905,"ttl_ms":30000}
    ///
    /// `acquired` also has `ttl_ms`, `revoking` has `reason` and `after_ms`, and `revoked` has `reason`.
    package var message: String {
        var members: [JSONText.Member] = [
            .init("event", .string(event.word)),
            .init("fence", .integer(fence.rawValue)),
            .init("owner", .string(owner.text)),
            .init("at_ms", .integer(at.milliseconds)),
        ]
        switch event {
        case .acquired(let ttl):
            members.append(.init("ttl_ms", .integer(ttl.milliseconds)))
        case .revoking(let reason, let after):
            members.append(.init("reason", .string(reason.text)))
            members.append(.init("after_ms", .integer(after.wholeMilliseconds)))
        case .revoked(let reason):
            members.append(.init("reason", .string(reason.text)))
        case .released, .expired, .overdue, .lost:
            break
        }
        return JSONText.object(members).text
    }
}

extension Announcement.Event {
    /// The word for it in a message.
    package var word: String {
        switch self {
        case .acquired: "acquired"
        case .released: "released"
        case .expired: "expired"
        case .overdue: "overdue"
        case .revoking: "revoking"
        case .revoked: "revoked"
        case .lost: "lost"
        }
    }
}
