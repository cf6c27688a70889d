package import LeaseCore
package import NIOCore

/// The map that `HOLDER` answers, and `LEASES` for each lease: writing and reading it, in one place.
package struct LeaseStatusReply: Hashable, Sendable {
    /// The state of a tenure.
    package struct State: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Held, within its time.
        package static let held = State(rawValue: "held")
        /// Past its time, but still held by a tie.
        package static let overdue = State(rawValue: "overdue")
        /// Being ended by force.
        package static let revoking = State(rawValue: "revoking")
    }

    /// The names of the fields, in the order of the wire.
    package enum Field: String, CaseIterable, Sendable {
        case name, token, fence, owner, uid, gid, pid
        case ttl = "ttl_ms"
        case remaining = "remaining_ms"
        case acquiredAt = "acquired_at_ms"
        case renewals, bound, tied, state, waiters
    }

    package var name: LeaseName
    package var token: Token
    package var fence: Token
    package var owner: String
    package var uid: UInt32
    package var gid: UInt32
    package var pid: Int32
    package var ttlMilliseconds: Int64
    package var remainingMilliseconds: Int64
    /// Milliseconds since 1970 on the wall clock, for display.
    package var acquiredAtMilliseconds: Int64
    package var renewals: Int64
    package var isBound: Bool
    package var isTied: Bool
    package var state: State
    package var waiters: Int

    package init(
        name: LeaseName,
        token: Token,
        fence: Token,
        owner: String,
        uid: UInt32,
        gid: UInt32,
        pid: Int32,
        ttlMilliseconds: Int64,
        remainingMilliseconds: Int64,
        acquiredAtMilliseconds: Int64,
        renewals: Int64,
        isBound: Bool,
        isTied: Bool,
        state: State,
        waiters: Int
    ) {
        self.name = name
        self.token = token
        self.fence = fence
        self.owner = owner
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.ttlMilliseconds = ttlMilliseconds
        self.remainingMilliseconds = remainingMilliseconds
        self.acquiredAtMilliseconds = acquiredAtMilliseconds
        self.renewals = renewals
        self.isBound = isBound
        self.isTied = isTied
        self.state = state
        self.waiters = waiters
    }
}

// MARK: - Writing

extension RESPEncoder {
    /// Writes the map of a lease.
    package func writeStatus(_ status: LeaseStatusReply, to buffer: inout ByteBuffer) {
        writeMapHeader(LeaseStatusReply.Field.allCases.count, to: &buffer)
        for field in LeaseStatusReply.Field.allCases {
            writeBulk(field.rawValue, to: &buffer)
            switch field {
            case .name: writeBulk(status.name.bytes, to: &buffer)
            case .token: writeInteger(status.token.rawValue, to: &buffer)
            case .fence: writeInteger(status.fence.rawValue, to: &buffer)
            case .owner: writeBulk(status.owner, to: &buffer)
            case .uid: writeInteger(Int64(status.uid), to: &buffer)
            case .gid: writeInteger(Int64(status.gid), to: &buffer)
            case .pid: writeInteger(Int64(status.pid), to: &buffer)
            case .ttl: writeInteger(status.ttlMilliseconds, to: &buffer)
            case .remaining: writeInteger(status.remainingMilliseconds, to: &buffer)
            case .acquiredAt: writeInteger(status.acquiredAtMilliseconds, to: &buffer)
            case .renewals: writeInteger(status.renewals, to: &buffer)
            case .bound: writeInteger(status.isBound ? 1 : 0, to: &buffer)
            case .tied: writeInteger(status.isTied ? 1 : 0, to: &buffer)
            case .state: writeBulk(status.state.rawValue, to: &buffer)
            case .waiters: writeInteger(Int64(status.waiters), to: &buffer)
            }
        }
    }
}

// MARK: - Reading

extension LeaseStatusReply {
    /// Reads a reply of either version, its fields in any order; unknown fields are ignored.
    ///
    /// Returns `nil` if it is not such a map.
    package init?(_ reply: RESPValue) {
        guard let entries = reply.entries else { return nil }
        var values: [Field: RESPValue] = [:]
        for entry in entries {
            if let field = entry.key.text.flatMap(Field.init(rawValue:)) {
                values[field] = entry.value
            }
        }
        func integer<Value: BinaryInteger>(_ field: Field, as type: Value.Type = Value.self) -> Value? {
            values[field]?.integer.flatMap(Value.init(exactly:))
        }
        guard
            let bytes = values[.name]?.bytes, let name = try? LeaseName(bytes),
            let token = integer(.token).flatMap(Token.init(rawValue:)),
            let fence = integer(.fence).flatMap(Token.init(rawValue:)),
            let owner = values[.owner]?.text,
            let uid = integer(.uid, as: UInt32.self), let gid = integer(.gid, as: UInt32.self),
            let pid = integer(.pid, as: Int32.self),
            let ttl = integer(.ttl, as: Int64.self), let remaining = integer(.remaining, as: Int64.self),
            let acquiredAt = integer(.acquiredAt, as: Int64.self), let renewals = integer(.renewals, as: Int64.self),
            let isBound = integer(.bound, as: Int.self), let isTied = integer(.tied, as: Int.self),
            let state = values[.state]?.text, let waiters = integer(.waiters, as: Int.self)
        else { return nil }
        self.init(
            name: name,
            token: token,
            fence: fence,
            owner: owner,
            uid: uid,
            gid: gid,
            pid: pid,
            ttlMilliseconds: ttl,
            remainingMilliseconds: remaining,
            acquiredAtMilliseconds: acquiredAt,
            renewals: renewals,
            isBound: isBound != 0,
            isTied: isTied != 0,
            state: State(rawValue: state),
            waiters: waiters
        )
    }
}
