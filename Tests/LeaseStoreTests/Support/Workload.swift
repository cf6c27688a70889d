import LeaseCore
import TestSupport

@testable import LeaseStore

/// A random history: requests of three users on a few leases, including some that are refused, and holders that die.
struct Workload {
    private static let callers = [
        Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true),
        Caller(uid: 1000, gid: 1000, pid: 100, isAdministrator: false),
        Caller(uid: 1001, gid: 1001, pid: 101, isAdministrator: false),
    ]

    var generator: SeededGenerator
    private let names: [LeaseName]
    private var ids: [RequestID] = []

    init(seed: UInt64, names count: Int = 12) throws {
        generator = SeededGenerator(seed: seed)
        names = try (0..<count).map { index in
            // Some names are long and not UTF-8.
            try LeaseName([UInt8(truncatingIfNeeded: index * 37)] + [UInt8](repeating: 0xFF, count: index % 3 * 450))
        }
    }

    /// Sends up to four requests to the ledger, without a commit.
    mutating func batch(on ledger: Ledger, clock: ManualClock) throws {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: _ = try ledger.issueToken(now: clock.now())
            case 1...2: _ = ledger.expire(now: clock.now(), limit: Int.random(in: 1...3, using: &generator))
            case 3...4: clock.advance(by: .milliseconds(Int64.random(in: 0...6000, using: &generator)))
            case 5: clock.stepWall(by: .seconds(Int64.random(in: -40...40, using: &generator)))
            case 6 where generator.oneIn(2): try importLease(on: ledger, now: clock.now())
            default: try request(on: ledger, now: clock.now())
            }
        }
    }

    private mutating func request(on ledger: Ledger, now: Moment) throws {
        guard let name = names.randomElement(using: &generator),
            let caller = Self.callers.randomElement(using: &generator)
        else { return }
        let held = ledger.leases[name]
        let token = generator.oneIn(6) ? held?.fence : held?.token
        let request: LeaseRequest =
            // A free lease is mostly acquired, so that there is something to renew, tie and lose.
            switch held == nil && !generator.oneIn(4) ? 0 : Int.random(in: 0..<13, using: &generator) {
            case 0...3:
                .acquire(ttl: try ttl(), owner: try label(), request: try id(), binds: generator.oneIn(3))
            case 4...6:
                .renew(
                    token: token ?? .min,
                    ttl: try ttl(),
                    request: try id(),
                    binding: [.keep, .keep, .bind, .unbind].randomElement(using: &generator) ?? .keep
                )
            case 7: .release(token: token ?? .min)
            case 8: .revoke(after: try revocationGrace(), reason: try label())
            case 9...10: .tie(token: token ?? .min)
            case 11: .lose(fence: held?.fence ?? .min)
            default: .check(token: token ?? .min)
            }
        _ = ledger.perform(request, on: name, by: caller, now: now)
    }

    /// Imports a tenure, mostly in place of one that is in force.
    private mutating func importLease(on ledger: Ledger, now: Moment) throws {
        let held = names.filter { ledger.leases[$0] != nil }
        guard let name = (generator.oneIn(4) ? names : held).randomElement(using: &generator) else { return }
        let token = try ledger.leases[name]?.token ?? ledger.issueToken(now: now)
        let lease = EntryLease(
            token: token,
            expiresAt: now.wall.advanced(by: .milliseconds(Int64.random(in: -500...9000, using: &generator))),
            fence: ledger.leases[name]?.fence,
            owner: try label()
        )
        try ledger.importEntries([StoreEntry(key: Key(name), lease: lease)], by: Self.callers[0], now: now)
    }

    private mutating func revocationGrace() throws -> Duration? {
        generator.oneIn(4) ? nil : .seconds(Int64.random(in: 0...9, using: &generator))
    }

    private mutating func ttl() throws -> TTL {
        try TTL(.milliseconds(Int64.random(in: 1000...40_000, using: &generator)))
    }

    private mutating func label() throws -> Label {
        let texts = ["", "cron", "größer ✓", String(repeating: "x", count: 256)]
        return try Label(texts.randomElement(using: &generator) ?? "")
    }

    private mutating func id() throws -> RequestID? {
        if generator.oneIn(2) {
            return nil
        }
        if let old = ids.randomElement(using: &generator), generator.oneIn(3) {
            return old
        }
        let length = Int.random(in: 16...128, using: &generator)
        let id = try RequestID((0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) })
        ids.append(id)
        return id
    }
}
