import Glibc

/// Who of a process tree was asked to end, and who is to be asked in the next round.
///
/// What a process starts after it was asked is how it ends: the cleaning up of a shell's trap is made of processes. What
/// it has started before is to be asked, too, also if no listing has shown it by then:
///
///     ──▶ listing ──▶ asking each, one after the other ──▶
///      │      └─────────────────┴ started by one that is asked later in the round, and ends: an orphan of this time
///      └ there before, and missed by the listing: older than the round
struct TerminationRounds: Hashable, Sendable {
    private var asked: Set<ProcessIdentity> = []
    /// When the first were asked, in clock ticks from boot (proc(5)).
    private var firstRound: ClosedRange<UInt64>?

    /// Which of the processes of a tree are to be asked.
    ///
    /// - Parameter root: whose children orphans of the tree become.
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

    /// These processes were asked.
    mutating func asked(_ processes: [ProcessEntry], in ticks: ClosedRange<UInt64>) {
        asked.formUnion(processes.map(\.identity))
        firstRound = firstRound ?? ticks
    }

    /// Whether whoever has started a process had not been asked yet, as far as can be told.
    ///
    /// One that knows nothing better to do ends when it is asked, and leaves what it had started an orphan.
    private func wasMissed(_ entry: ProcessEntry, root: pid_t) -> Bool {
        guard let firstRound else { return true }
        let start = entry.identity.startTicks
        return start < firstRound.lowerBound || start <= firstRound.upperBound && entry.parent == root
    }
}
