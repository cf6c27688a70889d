/// How long a grant or a renewal lasts: 1 second to 366 days, to the millisecond.
public struct TTL: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// One second.
    public static let min = TTL(unchecked: 1000)
    /// 366 days.
    public static let max = TTL(unchecked: 366 * 86_400_000)

    /// The TTL in milliseconds.
    public let milliseconds: Int64

    /// Creates a TTL, truncated to the millisecond.
    ///
    /// - Throws: ``LeaseError/Code/badTTL`` if it is under ``min`` or over ``max``. It is never clamped.
    public init(_ duration: Duration) throws(LeaseError) {
        let milliseconds = duration.wholeMilliseconds
        guard milliseconds >= Self.min.milliseconds, duration <= Self.max.duration else {
            throw LeaseError(.badTTL, "a TTL is between \(Self.min) and \(Self.max)")
        }
        self.milliseconds = milliseconds
    }

    private init(unchecked milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The TTL as a duration.
    public var duration: Duration { .milliseconds(milliseconds) }

    /// Compares the times.
    public static func < (left: TTL, right: TTL) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The TTL as it is written on the wire: `1m30s`.
    public var description: String { DurationText.format(duration) }
}
