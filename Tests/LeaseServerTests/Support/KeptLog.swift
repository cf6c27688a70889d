import Logging
import Synchronization

/// A log that keeps its messages.
struct KeptLog: LogHandler {
    private final class Lines: Sendable {
        let messages = Mutex<[String]>([])
    }

    private let lines = Lines()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    /// The messages logged so far.
    var messages: [String] { lines.messages.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.messages.withLock { $0.append("\(event.message)") }
    }
}
