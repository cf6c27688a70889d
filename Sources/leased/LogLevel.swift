import Logging
import SystemdNotify
import Synchronization

/// The least severe level that is logged, for all loggers of the process; a reload may change it.
final class LogLevel: Sendable {
    private let index = Atomic<Int>(LogLevel.levels.firstIndex(of: .info) ?? 0)
    private static let levels = Logger.Level.allCases

    /// The present level.
    var current: Logger.Level {
        get { Self.levels[index.load(ordering: .relaxed)] }
        set { index.store(Self.levels.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }
}

/// The daemon's log, at the present level.
struct ReloadableLogHandler: LogHandler {
    private var handler: JournalLogHandler
    private let level: LogLevel

    init(label: String, level: LogLevel) {
        handler = JournalLogHandler(label: label, level: .trace)
        self.level = level
    }

    var logLevel: Logger.Level {
        get { level.current }
        set { level.current = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        handler.log(event: event)
    }
}
