/// One holder's time on a lease, from its grant to its end.
///
///     grant            renewal          renewal                end
///       │ fence = 100     │                │                    │
///       ├─ token 100 ─────┼─ token 107 ────┼─ token 112 ────────┤
///       └ deadline ───────┴─ moved ────────┴─ moved             released, expired, revoked, lost
///
/// The *fence* is the grant's token and stays the same for the whole tenure: the number that a resource compares. The
/// *token* is the newest one and is a compare-and-swap: only it renews and releases, so that of two who renew with the
/// same token one wins. `CHECK` and `IF` take either.
///
/// A tenure is a value and knows no clock. Whether it has ended by time is asked with a `now` in hand, in one place:
/// ``ending(at:)``.
public struct Tenure: Hashable, Sendable {
    /// The token of the grant.
    public let fence: Token
    /// The token of the grant or of the last renewal.
    public private(set) var token: Token
    /// Who was granted.
    public let holder: Holder
    /// The TTL of the grant or of the last renewal.
    public private(set) var ttl: TTL
    /// When the tenure ends by time, on both clocks.
    ///
    /// The boot clock decides; the wall clock takes its place over a reboot.
    public private(set) var deadline: Moment
    /// When it was granted, for display.
    public let acquiredAt: WallInstant
    /// How often it was renewed.
    public private(set) var renewals: Int64
    /// The request id that the grant or the last renewal carried, if it carried one.
    public private(set) var request: RequestRecord?
    /// The end by force that is under way, if one is.
    public private(set) var revocation: Revocation?
    /// Whether a restart of the daemon has already given this grant or renewal more time.
    ///
    /// It does so once.
    public private(set) var isExtended: Bool
    /// What the tenure hangs on beside its time.
    public private(set) var attachment: Attachment
    /// Whether it has been noted that the tenure is overdue, since its grant or last renewal.
    public private(set) var isOverdueNoted: Bool

    /// Creates a tenure from all that is known of it, as a store does when it reads one.
    public init(
        fence: Token,
        token: Token,
        holder: Holder,
        ttl: TTL,
        deadline: Moment,
        acquiredAt: WallInstant,
        renewals: Int64,
        request: RequestRecord?,
        revocation: Revocation?,
        isExtended: Bool,
        attachment: Attachment = .nothing,
        isOverdueNoted: Bool = false
    ) {
        self.fence = fence
        self.token = token
        self.holder = holder
        self.ttl = ttl
        self.deadline = deadline
        self.acquiredAt = acquiredAt
        self.renewals = renewals
        self.request = request
        self.revocation = revocation
        self.isExtended = isExtended
        self.attachment = attachment
        self.isOverdueNoted = isOverdueNoted
    }

    /// Begins a tenure at `now`.
    init(
        token: Token,
        holder: Holder,
        ttl: TTL,
        request: RequestRecord?,
        attachment: Attachment,
        now: Moment
    ) {
        self.init(
            fence: token,
            token: token,
            holder: holder,
            ttl: ttl,
            deadline: now.advanced(by: ttl.duration),
            acquiredAt: now.wall,
            renewals: 0,
            request: request,
            revocation: nil,
            isExtended: false,
            attachment: attachment
        )
    }

    /// Whether `candidate` belongs to this tenure: it is the fence or the newest token, and no other.
    public func isCurrent(_ candidate: Token) -> Bool {
        candidate == token || candidate == fence
    }

    // MARK: - Events

    mutating func renew(_ renewal: Renewal) {
        token = renewal.token
        ttl = renewal.ttl
        deadline = renewal.deadline
        request = renewal.request
        renewals += 1
        isExtended = false
        isOverdueNoted = false
        attachment = renewal.attachment ?? attachment
    }

    mutating func attach(_ attachment: Attachment) {
        self.attachment = attachment
    }

    mutating func noteOverdue() {
        isOverdueNoted = true
    }

    mutating func beginRevocation(_ revocation: Revocation) {
        self.revocation = revocation
    }

    mutating func resume(_ resumption: Resumption) {
        deadline = resumption.deadline
        if let end = resumption.revocationEnd {
            revocation?.end = end
        }
        isExtended = isExtended || resumption.isExtension
        if resumption.isDetached {
            attachment = .nothing
        }
        // With more time it may become overdue anew.
        isOverdueNoted = isOverdueNoted && !resumption.isExtension && !resumption.isDetached
    }
}

/// What a renewal changes.
public struct Renewal: Hashable, Sendable {
    /// The new token.
    public let token: Token
    /// The new TTL.
    public let ttl: TTL
    /// The new deadline.
    public let deadline: Moment
    /// The request id that the renewal carried, if it carried one.
    public let request: RequestRecord?
    /// What the tenure hangs on from now on, or `nil` if that stays as it is.
    public let attachment: Attachment?

    /// Creates a renewal.
    public init(
        token: Token,
        ttl: TTL,
        deadline: Moment,
        request: RequestRecord?,
        attachment: Attachment? = nil
    ) {
        self.token = token
        self.ttl = ttl
        self.deadline = deadline
        self.request = request
        self.attachment = attachment
    }
}

/// An end by force that is under way: until it comes, the tenure is held, but cannot be renewed.
public struct Revocation: Hashable, Sendable {
    /// When it comes, on both clocks.
    public internal(set) var end: Moment
    /// Why, for people; may be empty.
    public let reason: Label
    /// The user who may put the end off, beside administrators: whoever began it, or an administrator who moved it.
    ///
    /// `nil` if that is not known, as of one that an earlier release has stored.
    public let revoker: UInt32?

    /// Creates a revocation.
    public init(end: Moment, reason: Label, revoker: UInt32? = nil) {
        self.end = end
        self.reason = reason
        self.revoker = revoker
    }
}

/// The request id of a tenure's latest grant or renewal, with what makes a repetition the same request.
public struct RequestRecord: Hashable, Sendable {
    /// What was asked.
    public enum Verb: Int64, Hashable, Sendable {
        /// `ACQUIRE`.
        case acquire = 1
        /// `RENEW`.
        case renew = 2
    }

    /// The caller's id.
    public let id: RequestID
    /// What was asked.
    public let verb: Verb
    /// Who asked.
    public let uid: UInt32
    /// The token that a renewal replaced.
    public let replaced: Token?

    /// Creates a record.
    public init(id: RequestID, verb: Verb, uid: UInt32, replaced: Token?) {
        self.id = id
        self.verb = verb
        self.uid = uid
        self.replaced = replaced
    }

    /// Whether `id`, brought by `caller` with `verb`, repeats this request.
    func isRepeated(by id: RequestID?, verb: Verb, caller: Caller) -> Bool {
        id == self.id && verb == self.verb && caller.uid == uid
    }
}

extension Moment {
    /// Both clocks `duration` later.
    package func advanced(by duration: Duration) -> Moment {
        Moment(boot: boot.advanced(by: duration), wall: wall.advanced(by: duration))
    }
}
