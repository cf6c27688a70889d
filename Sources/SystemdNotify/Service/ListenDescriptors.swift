internal import CSystemd
internal import Glibc

/// The descriptors that the service manager passed to this process by socket activation and the descriptor store:
/// sd_listen_fds(3).
package enum ListenDescriptors {
    /// Takes all passed descriptors, in order, and removes their variables from the environment.
    ///
    /// Each is close-on-exec afterwards. A second call returns none, and no child mistakes them for its own. The call
    /// changes the environment, so it must come at the very start, before there is a second thread.
    ///
    /// - Returns: the descriptors; empty if the manager passed none, or passed them to another process (`LISTEN_PID`).
    /// - Throws: ``SystemdError/Code/badEnvironment`` if the variables or the descriptors are invalid; the variables
    ///   are removed nevertheless.
    package static func take() throws(SystemdError) -> [PassedDescriptor] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        defer { release(names) }
        guard count >= 0 else {
            throw SystemdError(
                .badEnvironment,
                "the service manager's LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES do not fit",
                errorNumber: -count
            )
        }
        return (0..<Int(count))
            .map { index in
                let name = names?[index].map { String(cString: $0) } ?? "unknown"
                return PassedDescriptor(name: name, descriptor: SD_LISTEN_FDS_START + Int32(index))
            }
    }

    /// Frees a null-terminated array of strings, each allocated separately.
    private static func release(_ names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
        guard let names else { return }
        var next = names
        while let name = next.pointee {
            free(name)
            next += 1
        }
        free(names)
    }
}
