/// What keeps a lease with its holder.
public enum LeaseHolding: Hashable, Sendable {
    /// Time alone: after a crash of the holder it ends by its TTL.
    case byTime
    /// Time, and a connection of the holder: it ends at the earlier of both, so a crash of the holder frees it at once.
    case bound
    /// A connection of the holder alone: it ends with the holder, however long that takes, and not before.
    ///
    /// For work that must never overlap, also if the machine is suspended or the holder is stopped past the TTL.
    case tied
}

/// What a tenure hangs on beside time.
public enum LeaseAttachment: Sendable {
    /// Nothing.
    case none
    /// A connection of the holder.
    case binding(LeaseBinding)
    /// A connection that a process tree holds.
    case tie(LeaseTie)

    /// Returns when the connection has ended, or when the task is cancelled; for ``none`` only then.
    func ended() async {
        switch self {
        case .none: await Latch().wait()
        case .binding(let binding): await binding.ended()
        case .tie(let tie): await tie.ended()
        }
    }

    /// What it does for the lease.
    var holding: LeaseHolding {
        switch self {
        case .none: .byTime
        case .binding: .bound
        case .tie: .tied
        }
    }

    /// Whether it is there, as far as is known.
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
