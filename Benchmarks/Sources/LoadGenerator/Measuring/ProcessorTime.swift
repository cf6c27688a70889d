import Glibc

/// Processor time of this process.
enum ProcessorTime {
    /// User and system time of all its threads, in nanoseconds.
    static var ofThisProcess: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
