/// One holder's time on a lease, from its grant to its end.
///
///     grant            renewal          renewal                end
///       │ fence = 100     │                │                    │
///       ├─ token 100 ─────┼─ token 107 ────┼─ token 112 ────────┤
///       └ deadline ───────┴─ moved ────────┴─ moved             released, expired, revoked, lost
///
/// The *fence* is the grant's token and stays the same for the whole tenure: the number that a resource compares. The
/// *token* is the newest one and works as a compare-and-swap: only it renews and releases, so of two clients that renew
/// with the same token one wins. `CHECK` and `IF` accept either.
///
/// A tenure is a value and has no clock. Only `ending(at:)`, given a `now`, says whether it has ended by time.
///
/// Copies share their state: a copy costs a reference. A change makes a new state.
public struct Tenure: Hashable, Sendable {
    /// Everything known about the tenure.
    private struct State: Hashable, Sendable {
        let fence: Token
        var token: Token
        let holder: Holder
        var ttl: TTL
        var deadline: Moment
        let acquiredAt: WallInstant
        var renewals: Int64
        var request: RequestRecord?
        var revocation: Revocation?
        var isExtended: Bool
        var attachment: Attachment
        var isOverdueNoted: Bool
    }

    private final class Box: Sendable {
        let state: State

        init(_ state: State) {
            self.state = state
        }
    }

    private var box: Box

    /// The token of the grant.
    public var fence: Token { box.state.fence }
    /// The token of the grant or of the last renewal.
    public var token: Token { box.state.token }
    /// The holder of the lease.
    public var holder: Holder { box.state.holder }
    /// The TTL of the grant or of the last renewal.
    public var ttl: TTL { box.state.ttl }
    /// When the tenure ends by time, on both clocks.
    ///
    /// The boot clock decides; the wall clock takes its place over a reboot.
    public var deadline: Moment { box.state.deadline }
    /// When it was granted, for display.
    public var acquiredAt: WallInstant { box.state.acquiredAt }
    /// How often it was renewed.
    public var renewals: Int64 { box.state.renewals }
    /// The request id that the grant or the last renewal carried, if it carried one.
    package var request: RequestRecord? { box.state.request }
    /// The running revocation, if any.
    public var revocation: Revocation? { box.state.revocation }
    /// Whether a restart of the daemon has already given the holder more time to come back.
    ///
    /// That happens once for each grant, renewal, binding or tie: each is a sign of life, and without a new one the
    /// lease ends.
    package var isExtended: Bool { box.state.isExtended }
    /// What the tenure depends on besides its time.
    public var attachment: Attachment { box.state.attachment }
    /// Whether the tenure has been noted as overdue since its grant or last renewal.
    package var isOverdueNoted: Bool { box.state.isOverdueNoted }

    /// Creates a tenure from everything known about it, as a store does when it reads one.
    package init(
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
        box = Box(
            State(
                fence: fence,
                token: token,
                holder: holder,
                ttl: ttl,
                deadline: deadline,
                acquiredAt: acquiredAt,
                renewals: renewals,
                request: request,
                revocation: revocation,
                isExtended: isExtended,
                attachment: attachment,
                isOverdueNoted: isOverdueNoted
            )
        )
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

    /// Whether `candidate` is the tenure's fence or its newest token.
    public func isCurrent(_ candidate: Token) -> Bool {
        candidate == token || candidate == fence
    }

    /// Compares everything known about both.
    public static func == (left: Tenure, right: Tenure) -> Bool {
        left.box === right.box || left.box.state == right.box.state
    }

    /// Hashes everything known about it.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(box.state)
    }

    // MARK: - Events

    private mutating func change(_ body: (inout State) -> Void) {
        var state = box.state
        body(&state)
        box = Box(state)
    }

    mutating func renew(_ renewal: Renewal) {
        change { state in
            state.token = renewal.token
            state.ttl = renewal.ttl
            state.deadline = renewal.deadline
            state.request = renewal.request
            state.renewals += 1
            state.isExtended = false
            state.isOverdueNoted = false
            state.attachment = renewal.attachment ?? state.attachment
        }
    }

    /// Replaces what an import carries: tokens, time, user and label.
    ///
    /// Everything else stays as it is: when it was acquired and how often renewed, its attachment, and a running
    /// revocation.
    mutating func replace(by imported: Tenure) {
        let (old, new) = (box.state, imported.box.state)
        let isSameUser = old.holder.uid == new.holder.uid
        box = Box(
            State(
                fence: new.fence,
                token: new.token,
                holder: isSameUser
                    ? Holder(uid: new.holder.uid, gid: old.holder.gid, pid: old.holder.pid, owner: new.holder.owner)
                    : new.holder,
                ttl: new.ttl,
                deadline: new.deadline,
                acquiredAt: old.acquiredAt,
                renewals: old.renewals,
                // A repetition of it is answered with the token, which must be the same.
                request: old.token == new.token ? old.request : nil,
                revocation: old.revocation,
                isExtended: old.isExtended,
                attachment: old.attachment,
                isOverdueNoted: false
            )
        )
    }

    mutating func attach(_ attachment: Attachment) {
        change { state in
            state.attachment = attachment
            // The holder has come back, so a restart may extend the tenure again.
            if attachment != .nothing { state.isExtended = false }
        }
    }

    mutating func noteOverdue() {
        change { $0.isOverdueNoted = true }
    }

    mutating func beginRevocation(_ revocation: Revocation) {
        change { $0.revocation = revocation }
    }

    mutating func resume(_ resumption: Resumption) {
        change { state in
            state.deadline = resumption.deadline
            if let end = resumption.revocationEnd {
                state.revocation?.end = end
            }
            state.isExtended = state.isExtended || resumption.isExtension
            if resumption.isDetached {
                state.attachment = .nothing
            }
            // With more time it may become overdue again.
            state.isOverdueNoted = state.isOverdueNoted && !resumption.isExtension && !resumption.isDetached
        }
    }
}

/// What a renewal changes.
package struct Renewal: Hashable, Sendable {
    /// The new token.
    package let token: Token
    /// The new TTL.
    package let ttl: TTL
    /// The new deadline.
    package let deadline: Moment
    /// The request id that the renewal carried, if it carried one.
    package let request: RequestRecord?
    /// The tenure's attachment from now on, or `nil` if it stays as it is.
    package let attachment: Attachment?

    /// Creates a renewal.
    package init(
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

/// A running end by force: until then the tenure is held, but cannot be renewed.
public struct Revocation: Hashable, Sendable {
    /// When the tenure ends, on both clocks.
    public internal(set) var end: Moment
    /// Why, for people; may be empty.
    public let reason: Label
    /// The user who, besides administrators, may postpone the end: the one who began the revocation, or an
    /// administrator who moved it.
    ///
    /// `nil` if it is unknown, as in a revocation that an earlier release has stored.
    public let revoker: UInt32?

    /// Creates a revocation.
    public init(end: Moment, reason: Label, revoker: UInt32? = nil) {
        self.end = end
        self.reason = reason
        self.revoker = revoker
    }
}

/// The request id of a tenure's latest grant or renewal, with what identifies a repetition.
package struct RequestRecord: Hashable, Sendable {
    /// What was asked.
    package enum Verb: Int64, Hashable, Sendable {
        /// `ACQUIRE`.
        case acquire = 1
        /// `RENEW`.
        case renew = 2
    }

    /// The caller's id.
    package let id: RequestID
    /// What was asked.
    package let verb: Verb
    /// The user that asked.
    package let uid: UInt32
    /// The token that a renewal replaced.
    package let replaced: Token?

    /// Creates a record.
    package init(id: RequestID, verb: Verb, uid: UInt32, replaced: Token?) {
        self.id = id
        self.verb = verb
        self.uid = uid
        self.replaced = replaced
    }

    /// Whether a request with `id` and `verb` by `caller` repeats this one.
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
