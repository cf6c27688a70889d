import CLinux
import Glibc
import LeaseClient

extension ClientThreads {
    /// Requires that there are as many descriptors left as a client takes: without them the process would end without a
    /// word.
    static func requireDescriptors() throws(Failure) {
        var taken: [Int32] = []
        defer { taken.forEach { close($0) } }
        for _ in 0..<descriptors {
            let descriptor = clinux_open_placeholder()
            guard descriptor >= 0 else {
                throw Failure(
                    ExitStatus.internalError,
                    "leasectl has too few descriptors left: \(String(cString: strerror(errno))); raise what it may use (ulimit -n)"
                )
            }
            taken.append(descriptor)
        }
    }
}
