/// What each lane does: `before` once, then `cycle` repeatedly, and at the end `after` once.
///
///     before ─▶ cycle[0] ─▶ cycle[1] … ─┬─▶ after
///                  ▲                    │
///                  └────────────────────┘
///
/// With a `before`, a lane keeps its name; without, each cycle takes a new one.
package struct Workload: Hashable, Sendable {
    package let name: String
    package let before: Operation?
    package let cycle: [Operation]
    package let after: Operation?

    /// A durable acquire and release of a random name.
    package static let cycles = Workload(name: "cycles", before: nil, cycle: [.acquire, .release], after: nil)
    package static let renewals = Workload(name: "renewals", before: .acquire, cycle: [.renew], after: .release)
    package static let checks = Workload(name: "checks", before: .acquire, cycle: [.check], after: .release)
    package static let puts = Workload(name: "puts", before: nil, cycle: [.put], after: nil)
    package static let gets = Workload(name: "gets", before: nil, cycle: [.get], after: nil)
    /// Leases that are acquired and kept.
    package static let holding = Workload(name: "holding", before: nil, cycle: [.acquire], after: nil)

    /// The workloads that run until the time is over.
    package static let endless = [cycles, renewals, checks, puts, gets]
}
