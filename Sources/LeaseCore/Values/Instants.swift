/// An instant on CLOCK_BOOTTIME: nanoseconds since the machine booted, suspend included.
///
/// Used for deadlines, because no clock step moves it and it does not stop while the machine sleeps (clock_gettime(2)).
/// It means nothing in another boot.
public struct BootInstant: InstantProtocol, Hashable, Sendable {
    /// Nanoseconds since boot.
    public let nanoseconds: Int64

    /// Creates an instant.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The instant `duration` later, limited to the clock's range.
    public func advanced(by duration: Duration) -> BootInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        guard overflow else { return BootInstant(nanoseconds: sum) }
        return BootInstant(nanoseconds: duration < .zero ? .min : .max)
    }

    /// The time from this instant to `other`, negative if `other` is earlier.
    public func duration(to other: BootInstant) -> Duration {
        let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        return .nanoseconds(overflow ? (other > self ? .max : .min) : difference)
    }

    /// Compares the instants.
    public static func < (left: BootInstant, right: BootInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

/// An instant on CLOCK_REALTIME: microseconds since 1970.
///
/// Used for tokens, for display, and for the time left of a lease after a reboot. It may step in either direction.
public struct WallInstant: InstantProtocol, Hashable, Sendable {
    /// Microseconds since 1970.
    public let microseconds: Int64

    /// Creates an instant from microseconds since 1970.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Creates an instant from milliseconds since 1970, limited to the range.
    public init(milliseconds: Int64) {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        self.microseconds = overflow ? (milliseconds < 0 ? .min : .max) : product
    }

    /// Milliseconds since 1970, rounded down.
    public var milliseconds: Int64 {
        // Subtracting first would overflow at the lower end.
        microseconds / 1000 - (microseconds % 1000 < 0 ? 1 : 0)
    }

    /// The whole millisecond that is nearest.
    package var nearestMillisecond: WallInstant {
        WallInstant(milliseconds: advanced(by: .microseconds(500)).milliseconds)
    }

    /// The instant `duration` later, limited to the range.
    public func advanced(by duration: Duration) -> WallInstant {
        let (sum, overflow) = microseconds.addingReportingOverflow(duration.wholeNanoseconds / 1000)
        guard overflow else { return WallInstant(microseconds: sum) }
        return WallInstant(microseconds: duration < .zero ? .min : .max)
    }

    /// The time from this instant to `other`, negative if `other` is earlier.
    public func duration(to other: WallInstant) -> Duration {
        let (difference, overflow) = other.microseconds.subtractingReportingOverflow(microseconds)
        return .microseconds(overflow ? (other > self ? .max : .min) : difference)
    }

    /// Compares the instants.
    public static func < (left: WallInstant, right: WallInstant) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// One reading of both clocks: the `now` that a decision is given.
public struct Moment: Hashable, Sendable {
    /// CLOCK_BOOTTIME, which decides.
    public let boot: BootInstant
    /// CLOCK_REALTIME, which tokens and displays use.
    public let wall: WallInstant

    /// Creates a moment.
    public init(boot: BootInstant, wall: WallInstant) {
        self.boot = boot
        self.wall = wall
    }
}

extension Duration {
    /// Whole nanoseconds, rounded towards zero; the nearest bound when they do not fit into 64 bits.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowSum) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflowSum ? (seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded towards zero; the nearest bound when they do not fit into 64 bits.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowSum) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return overflow || overflowSum ? (seconds < 0 ? .min : .max) : sum
    }
}
