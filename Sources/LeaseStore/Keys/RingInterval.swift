/// An interval (low, high] on the ring of unsigned 64-bit numbers.
///
///     low < high:     0 ─────────(low ████ high]───────── 2^64 − 1
///     low >= high:    0 ████ high]───────────(low ███████ 2^64 − 1      over the top; low = high is the whole ring
struct RingInterval {
    /// The exclusive lower end.
    let low: UInt64
    /// The inclusive upper end.
    let high: UInt64

    /// The interval as closed arcs that do not wrap, in ascending order.
    var arcs: [ClosedRange<UInt64>] {
        guard low >= high else { return [(low + 1)...high] }
        let bottom = UInt64.min...high
        return low == .max ? [bottom] : [bottom, (low + 1)...UInt64.max]
    }
}
