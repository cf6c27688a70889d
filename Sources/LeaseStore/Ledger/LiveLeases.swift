import HeapModule
import LeaseCore

/// The leases in force, in memory: by name, by the instant of their end, and counted by user.
///
/// The ends stand in a heap that is cleaned late. Each tenure has at least one entry at or before its end, so that the
/// heap never shows an end too late; a renewal, which moves an end later, leaves its entry where it is. An entry that
/// comes up and no longer tells its tenure's end is thrown away, or moved to that end. When more than half of the heap
/// is such left-overs, it is built anew, so that it stays in proportion to the leases.
struct LiveLeases {
    private struct End: Comparable {
        let instant: BootInstant
        let name: LeaseName

        static func < (left: End, right: End) -> Bool { left.instant < right.instant }
        static func == (left: End, right: End) -> Bool { left.instant == right.instant }
    }

    private var tenures: [LeaseName: Tenure] = [:]
    private var ends = Heap<End>()
    private var countByUser: [UInt32: Int] = [:]

    /// How many leases are in force.
    var count: Int { tenures.count }

    /// How many entries the heap has, left-overs included.
    var heapCount: Int { ends.count }

    /// All of them, in no order.
    var all: [LeaseName: Tenure] { tenures }

    /// How many leases the user was granted.
    func count(of uid: UInt32) -> Int {
        countByUser[uid] ?? 0
    }

    /// The tenure of a lease, or `nil` if it is free.
    subscript(name: LeaseName) -> Tenure? {
        tenures[name]
    }

    /// Puts a tenure in place of the one there, or removes it with `nil`; returns the one that was there.
    @discardableResult
    mutating func set(_ tenure: Tenure?, for name: LeaseName) -> Tenure? {
        let previous: Tenure?
        if let tenure {
            previous = tenures.updateValue(tenure, forKey: name)
            if previous.map({ tenure.end < $0.end }) ?? true {
                ends.insert(End(instant: tenure.end, name: name))
            }
        } else {
            previous = tenures.removeValue(forKey: name)
        }
        count(tenure?.holder.uid, instead: previous?.holder.uid)
        if ends.count > 2 * tenures.count + 1024 {
            ends = Heap(tenures.map { End(instant: $1.end, name: $0) })
        }
        return previous
    }

    private mutating func count(_ uid: UInt32?, instead previous: UInt32?) {
        guard uid != previous else { return }
        if let uid {
            countByUser[uid, default: 0] += 1
        }
        if let previous, let count = countByUser[previous] {
            countByUser[previous] = count > 1 ? count - 1 : nil
        }
    }

    /// The lease whose end comes first, with that instant, or `nil` if none is in force.
    mutating func earliestEnd() -> (instant: BootInstant, name: LeaseName)? {
        while let first = ends.min {
            guard let tenure = tenures[first.name] else {
                ends.removeMin()
                continue
            }
            if tenure.end <= first.instant {
                return (tenure.end, first.name)
            }
            ends.removeMin()
            ends.insert(End(instant: tenure.end, name: first.name))
        }
        return nil
    }
}
