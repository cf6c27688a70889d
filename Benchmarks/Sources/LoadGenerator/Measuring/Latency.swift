package import Histogram

/// The distribution of times, in microseconds.
package struct Latency: Codable, Hashable, Sendable {
    package let mean: Double
    package let p50: Double
    package let p90: Double
    package let p99: Double
    package let p999: Double
    package let max: Double

    /// Summarizes a histogram of nanoseconds.
    package init(_ histogram: Histogram<UInt64>) {
        func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }
        mean = histogram.mean / 1000
        p50 = microseconds(histogram.valueAtPercentile(50))
        p90 = microseconds(histogram.valueAtPercentile(90))
        p99 = microseconds(histogram.valueAtPercentile(99))
        p999 = microseconds(histogram.valueAtPercentile(99.9))
        max = microseconds(histogram.max)
    }
}
