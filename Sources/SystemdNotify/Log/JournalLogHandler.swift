internal import Glibc
package import Logging

/// Writes the log to standard error: plain lines with the time for people, or lines with a priority for the journal.
///
/// `JOURNAL_STREAM` decides once which of the two. Each line is one write(2), so that lines of several threads and
/// processes do not mix. Content can never look like a second line. A line that the output does not accept (a closed
/// pipe, a full non-blocking one) is lost; the log never stops the service.
///
/// ```swift
/// LoggingSystem.bootstrap { JournalLogHandler(label: $0, level: .info) }
/// ```
package struct JournalLogHandler: LogHandler {
    /// The least severe level that is written.
    package var logLevel: Logger.Level

    /// The metadata of every line of this logger.
    package var metadata: Logger.Metadata = [:]

    /// Provides further metadata when a line is written.
    package var metadataProvider: Logger.MetadataProvider?

    private let descriptor: Int32
    private let isJournal: Bool

    /// Creates a handler on standard error.
    ///
    /// - Parameters:
    ///   - label: the logger's label. It is not written, because a process has one log.
    ///   - level: the least severe level that is written.
    ///   - metadataProvider: provides further metadata for each line.
    package init(label: String, level: Logger.Level = .info, metadataProvider: Logger.MetadataProvider? = nil) {
        self.init(
            level: level,
            metadataProvider: metadataProvider,
            descriptor: STDERR_FILENO,
            journalStream: JournalStream.variable
        )
    }

    init(
        level: Logger.Level,
        metadataProvider: Logger.MetadataProvider? = nil,
        descriptor: Int32,
        journalStream: String?
    ) {
        self.logLevel = level
        self.metadataProvider = metadataProvider
        self.descriptor = descriptor
        self.isJournal = JournalStream.isConnected(descriptor, variable: journalStream)
    }

    /// One item of ``metadata``.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    ///
    /// The event's own metadata takes precedence over the provider's, and that over the logger's. The event's error is
    /// added as `error`.
    package func log(event: LogEvent) {
        var metadata = metadata
        if let provided = metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let error = event.error { metadata["error"] = "\(error)" }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        let line = LogLine(level: event.level, message: event.message.description, metadata: metadata)
        write(isJournal ? line.forJournal : line.forPeople(at: .now))
    }

    private func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                written += count
            }
        }
    }
}
