import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

/// A random history of values, prefixes, imports and leases on a few keys, executed by a ledger and by a model.
struct StoreWorkload {
    private static let callers = [
        Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true),
        Caller(uid: 1000, gid: 1000, pid: 100, isAdministrator: false),
    ]

    var generator: SeededGenerator
    var model = StoreModel()
    let keys: [Key]
    private let seed: UInt64
    private var step = 0

    init(seed: UInt64, keys count: Int = 10) throws {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        keys = try (0..<count).map { index in
            // Bytes that are not UTF-8, shared beginnings, and one name of the greatest length.
            let ends: [[UInt8]] = [
                [], [0], [0xFF], [0xFF, 0xFF], [0xC3, 0x28], [UInt8](repeating: 0xFF, count: 1023),
            ]
            return try Key([UInt8(index / ends.count)] + ends[index % ends.count])
        }
    }

    /// Asks both the same and compares the answers.
    mutating func ask(_ ledger: Ledger, clock: ManualClock) throws {
        step += 1
        let now = clock.now()
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: clock.advance(by: .milliseconds(Int64.random(in: 0...1500, using: &generator)))
        case 1: try acquire(ledger, now)
        case 2: try release(ledger, now)
        default:
            let caller = Self.callers.randomElement(using: &generator) ?? Self.callers[0]
            let request = try request(now)
            let condition = try generator.oneIn(4) ? condition() : nil
            let answer = ledger.perform(request, if: condition, by: caller, now: now)
            let expected = model.perform(request, if: condition, by: caller, now: now)
            #expect(answer.modelled == expected, "LEASED_SEED=\(seed), step \(step): \(request)")
        }
    }

    private mutating func acquire(_ ledger: Ledger, _ now: Moment) throws {
        let key = key()
        let ttl = try TTL(.milliseconds(Int64.random(in: 1000...5000, using: &generator)))
        let request = LeaseRequest.acquire(ttl: ttl, owner: .empty, request: nil)
        let answer = ledger.perform(request, on: LeaseName(key), by: Self.callers[1], now: now)
        let isHeld = model.leases[key].map { $0.end > now.boot } ?? false
        guard case .success(.token(let token)) = answer else {
            #expect(isHeld, "LEASED_SEED=\(seed), step \(step): \(answer)")
            return
        }
        #expect(!isHeld, "LEASED_SEED=\(seed), step \(step)")
        let end = now.boot.advanced(by: ttl.duration)
        model.leases[key] = StoreModel.Lease(fence: token, token: token, end: end)
    }

    private mutating func release(_ ledger: Ledger, _ now: Moment) throws {
        guard let (key, lease) = model.leases.sorted(by: { $0.key < $1.key }).randomElement(using: &generator)
        else { return }
        let answer = ledger.perform(
            .release(token: lease.token),
            on: LeaseName(key),
            by: Self.callers[0],
            now: now
        )
        #expect((try? answer.get()) != nil || lease.end <= now.boot, "LEASED_SEED=\(seed), step \(step)")
        model.leases[key] = nil
    }

    private mutating func request(_ now: Moment) throws -> StoreRequest {
        switch Int.random(in: 0..<16, using: &generator) {
        case 0...3: .put(key(), value())
        case 4: .get(key())
        case 5, 6: .delete(key())
        case 7...9: .append(key(), child: key())
        case 10: .contains(key(), child: key())
        case 11, 12: .removeChild(key(), child: key())
        case 13: .removeKeys((0..<Int.random(in: 1...3, using: &generator)).map { _ in key() })
        default: .importEntries(try (0..<Int.random(in: 1...3, using: &generator)).map { _ in try entry(now) })
        }
    }

    private mutating func entry(_ now: Moment) throws -> StoreEntry {
        var entry = StoreEntry(key: key())
        if generator.oneIn(2) { entry.value = value() }
        entry.children = (0..<Int.random(in: 0...3, using: &generator)).map { _ in key() }
        if generator.oneIn(3) {
            let held = model.leases[entry.key]
            let token = try #require(Token(rawValue: Int64.random(in: 1...1 << 52, using: &generator)))
            let fence = generator.oneIn(2) ? held?.fence : nil
            entry.lease = EntryLease(
                token: max(token, fence ?? token),
                expiresAt: now.wall.advanced(by: .milliseconds(Int64.random(in: -500...5000, using: &generator))),
                fence: fence
            )
        }
        return entry
    }

    private mutating func condition() throws -> LeaseGuard {
        let key = key()
        let lease = model.leases[key]
        let token = generator.oneIn(5) ? Token.min : lease?.token ?? .min
        return LeaseGuard(lease: LeaseName(key), token: generator.oneIn(2) ? token : lease?.fence ?? token)
    }

    private mutating func key() -> Key {
        keys[Int.random(in: keys.indices, using: &generator)]
    }

    private mutating func value() -> [UInt8] {
        let longest = StoreTables.longestBeside
        let long = [longest, longest + 1, 2 * longest, 9000].randomElement(using: &generator) ?? 9000
        let length = generator.oneIn(5) ? long : Int.random(in: 0...6, using: &generator)
        return (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
