import Dispatch
import GRDB
import LeaseCore
import Synchronization

extension LeaseTable {
    /// Reads every lease into memory.
    ///
    /// Two threads share the work, since a start waits for it: this one reads rows, and another one inserts those
    /// already read.
    ///
    /// - Parameter note: Called with each lease, on this thread.
    /// - Throws: ``MalformedRow`` if this release does not write such a row.
    static func readAll(in database: Database, note: (LeaseName, Tenure) -> Void) throws -> LiveLeases {
        let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM leases") ?? 0
        let statement = try HeldStatement(selectAll, on: database)
        defer { statement.finalize() }
        let intake = LeaseIntake(expecting: count)
        var part: [HeldLease] = []
        try statement.forEach { row in
            let (name, tenure) = try decode(row)
            note(name, tenure)
            part.append((name, LeaseState(tenure: tenure, sequence: 0)))
            if part.count == LeaseIntake.part {
                intake.add(part)
                part = []
                part.reserveCapacity(LeaseIntake.part)
            }
        }
        intake.add(part)
        return intake.finish()
    }
}

/// Collects leases on its own thread.
private final class LeaseIntake: Sendable {
    /// How many leases are handed over at once.
    static let part = 4096

    private let queue = DispatchQueue(label: "lease-intake")
    private let leases: Mutex<LiveLeases.Intake>

    init(expecting count: Int) {
        leases = Mutex(LiveLeases.Intake(expecting: count))
    }

    func add(_ part: [HeldLease]) {
        queue.async { self.leases.withLock { $0.add(part) } }
    }

    /// Waits until everything handed over is inserted, and takes it out.
    func finish() -> LiveLeases {
        let all = queue.sync {
            leases.withLock { leases in
                let all = leases
                leases = LiveLeases.Intake(expecting: 0)
                return all
            }
        }
        return all.finish()
    }
}
