/// What keeps a lease with its holder.
public enum LeaseHolding: Hashable, Sendable {
    /// Time alone: after a crash of the holder the lease ends by its TTL.
    case byTime
    /// Time and a connection of the holder: the lease ends at the earlier of both, so a crash of the holder frees it at
    /// once.
    case bound
    /// A connection of the holder alone: the lease ends with the holder, however long that takes, and not before.
    ///
    /// For work that must never overlap, even if the machine is suspended or the holder is stopped past the TTL.
    case tied
}

/// What a tenure hangs on apart from time.
public enum LeaseAttachment: Sendable {
    /// Nothing.
    case none
    /// A connection of the holder.
    case binding(LeaseBinding)
    /// A connection that a process tree holds.
    case tie(LeaseTie)

    /// Returns when the connection has ended, or when the task is cancelled; for ``none`` only when it is cancelled.
    func ended() async {
        switch self {
        case .none: await Latch().wait()
        case .binding(let binding): await binding.ended()
        case .tie(let tie): await tie.ended()
        }
    }

    var holding: LeaseHolding {
        switch self {
        case .none: .byTime
        case .binding: .bound
        case .tie: .tied
        }
    }

    /// Whether the connection is open, as far as is known; always for ``none``.
    var isOpen: Bool {
        switch self {
        case .none: true
        case .binding(let binding): binding.isOpen
        case .tie(let tie): tie.isOpen
        }
    }

    /// Closes this process's part.
    func close() {
        switch self {
        case .none: break
        case .binding(let binding): binding.close()
        case .tie(let tie): tie.close()
        }
    }
}
