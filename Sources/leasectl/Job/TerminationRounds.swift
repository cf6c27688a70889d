import Glibc

/// Which processes of a tree were asked to end, and which must be asked in the next round.
///
/// A process started *after* its parent was asked to end is part of the clean-up (a shell's trap) and is left alone.
/// One started *before* must be asked, even if no listing showed it: it is older than the first round, or an orphan
/// from during it.
///
///     ──▶ listing ──▶ asking each, one after the other ──▶
///      │      └─────────────────┴ started by one that is asked later and dies: an orphan from during the round
///      └ there before, and missed by the listing: older than the round
struct TerminationRounds: Hashable, Sendable {
    private var asked: Set<ProcessIdentity> = []
    /// When the first round took place, in clock ticks from boot (proc(5)).
    private var firstRound: ClosedRange<UInt64>?

    /// The processes of a tree that must be asked.
    ///
    /// - Parameter root: the process that adopts the orphans of the tree.
    func unasked(among living: [ProcessEntry], root: pid_t) -> [ProcessEntry] {
        var left = living.filter { !asked.contains($0.identity) }
        guard firstRound != nil else { return left }
        var unasked: [ProcessEntry] = []
        var new: Set<pid_t> = []
        while true {
            let found = left.filter { wasMissed($0, root: root) || new.contains($0.parent) }
            guard !found.isEmpty else { return unasked }
            new = Set(found.map(\.process))
            left.removeAll { new.contains($0.process) }
            unasked += found
        }
    }

    /// Takes note that these processes were asked.
    mutating func asked(_ processes: [ProcessEntry], in ticks: ClosedRange<UInt64>) {
        asked.formUnion(processes.map(\.identity))
        firstRound = firstRound ?? ticks
    }

    /// Whether a process was probably started before its parent was asked.
    ///
    /// A process without a handler dies on TERM and leaves its children as orphans.
    private func wasMissed(_ entry: ProcessEntry, root: pid_t) -> Bool {
        guard let firstRound else { return true }
        let start = entry.identity.startTicks
        return start < firstRound.lowerBound || start <= firstRound.upperBound && entry.parent == root
    }
}
