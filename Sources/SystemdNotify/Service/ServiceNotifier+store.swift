internal import CSystemd

/// The service manager's descriptor store: what outlives the process, and comes back to the next one by
/// ``ListenDescriptors``.
///
/// The unit must allow it by `FileDescriptorStoreMax=`. The store takes no more than so many and drops the rest without
/// a word, and it is emptied when the unit stops for good (a restart is no such stop). The same descriptor sent twice
/// is kept once, under its first name; removing a name removes all that have it, so a descriptor that shall be
/// removed alone needs a name of its own.
extension ServiceNotifier {
    /// Hands the manager a copy of the descriptor (`FDSTORE=1`).
    ///
    /// The caller's own stays as it is. The copy is on its way when the call returns: it is the manager's even if this
    /// process dies at once.
    ///
    /// - Parameters:
    ///   - descriptor: an open descriptor; a socket or another that can be polled, unless `isDroppedAtHangUp` is false.
    ///   - name: what it comes back under.
    ///   - isDroppedAtHangUp: the manager forgets it when the other end is gone (`EPOLLHUP`, `EPOLLERR`), also while no
    ///     process of the service runs. If not (`FDPOLL=0`) it stays until ``removeStored(_:)``, so that the next process
    ///     sees for itself that the other end is gone.
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

    /// Has the manager close its copies of all descriptors of this name (`FDSTOREREMOVE=1`).
    ///
    /// A name that it does not know is no error.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func removeStored(_ name: DescriptorName) throws(SystemdError) -> Bool {
        try send("FDSTOREREMOVE=1\nFDNAME=\(name)")
    }
}
