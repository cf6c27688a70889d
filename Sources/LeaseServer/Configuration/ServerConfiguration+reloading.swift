/// What a reload applies, and what is fixed when the daemon starts.
extension ServerConfiguration {
    /// The configuration in force once `new` has been read: `new`, with what is fixed at start unchanged.
    func reloaded(as new: ServerConfiguration) -> ServerConfiguration {
        var reloaded = new
        reloaded.socketPath = socketPath
        reloaded.socketMode = socketMode
        reloaded.socketGroup = socketGroup
        reloaded.storePath = storePath
        reloaded.stopTimeout = stopTimeout
        reloaded.commitTimeout = commitTimeout
        return reloaded
    }

    /// The settings that differ in `new` and that a reload does not apply, by their names in the file.
    ///
    /// - Parameter isSocketPassed: Whether the service manager makes the socket, and will at the next start.
    package func settingsFixedAtStart(differingIn new: ServerConfiguration, isSocketPassed: Bool = false) -> [String] {
        let fixed: [(key: String, isSame: Bool)] = [
            (SettingKey.socket, isSocketPassed || socketPath == new.socketPath),
            (SettingKey.socketMode, isSocketPassed || socketMode == new.socketMode),
            (SettingKey.socketGroup, isSocketPassed || socketGroup == new.socketGroup),
            (SettingKey.store, storePath == new.storePath),
            (SettingKey.stopTimeout, stopTimeout == new.stopTimeout),
            (SettingKey.commitTimeout, commitTimeout == new.commitTimeout),
        ]
        return fixed.filter { !$0.isSame }.map(\.key)
    }
}
