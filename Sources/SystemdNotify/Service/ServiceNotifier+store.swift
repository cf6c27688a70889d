internal import CSystemd

/// The service manager's descriptor store: descriptors that outlive the process and come back to the next one by
/// ``ListenDescriptors``.
///
/// The unit must allow it by `FileDescriptorStoreMax=`. The store silently drops descriptors above that number. It is
/// emptied when the unit stops for good (a restart does not count). The same descriptor sent twice is kept once, under
/// its first name. Removing a name removes all descriptors with it, so one that must be removable separately needs its
/// own name.
extension ServiceNotifier {
    /// Gives the manager a copy of the descriptor (`FDSTORE=1`).
    ///
    /// The caller's descriptor is unchanged. The copy has been sent when the call returns: the manager gets it even if
    /// this process dies at once.
    ///
    /// - Parameters:
    ///   - descriptor: an open descriptor; a socket or another that can be polled, unless `isDroppedAtHangUp` is false.
    ///   - name: the name under which it comes back.
    ///   - isDroppedAtHangUp: whether the manager drops it when the other end is gone (`EPOLLHUP`, `EPOLLERR`), even
    ///     while no process of the service runs. If not (`FDPOLL=0`), it stays until ``removeStored(_:)``, so that the
    ///     next process sees for itself that the other end is gone.
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func store(
        _ descriptor: Int32,
        as name: DescriptorName,
        isDroppedAtHangUp: Bool = true
    ) throws(SystemdError) -> Bool {
        let state = "FDSTORE=1\nFDNAME=\(name)" + (isDroppedAtHangUp ? "" : "\nFDPOLL=0")
        return try Self.told(state, sd_pid_notify_with_fds(0, 0, state, [descriptor], 1))
    }

    /// Makes the manager close its copies of all descriptors with this name (`FDSTOREREMOVE=1`).
    ///
    /// An unknown name is not an error.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func removeStored(_ name: DescriptorName) throws(SystemdError) -> Bool {
        try send("FDSTOREREMOVE=1\nFDNAME=\(name)")
    }
}
