import CLinux
import Glibc

/// The descriptor of a tie, at an inconspicuous number: the lease is held while any process has it open.
///
/// It is close-on-exec in `leasectl`; only a job that is given it inherits it. `leasectl` keeps it open while it
/// supervises, so that a job which closes all inherited descriptors is still covered.
///
/// Programs use low numbers themselves, shells those from 10 on, and select(2) cannot handle 1024 and above. So the
/// number is a little below 1024, or below the limit on open files if that is lower, with room for the ties of nested
/// runs.
struct TieDescriptor: ~Copyable {
    /// The descriptor's number, the same in the job.
    let number: Int32

    private static let room: UInt = 24

    /// Takes over a descriptor.
    init(owning number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }

    /// A copy of a descriptor at such a number, for a `TieDescriptor` to own; `nil` if the process has no descriptor
    /// left.
    static func copy(of descriptor: Int32) -> Int32? {
        var limits = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0
        let limit = isKnown ? min(UInt(limits.rlim_cur), 1024) : 1024
        for lowest in [limit > room ? Int32(limit - room) : 0, 0] {
            let copy = clinux_duplicate_above(descriptor, max(lowest, STDERR_FILENO + 1))
            if copy >= 0 { return copy }
        }
        return nil
    }
}
