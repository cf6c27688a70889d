import Logging

/// Log lines about a turn, written once its commit has made them true; a refused turn has not happened.
struct CommitNotes {
    private struct Note {
        let level: Logger.Level
        let message: Logger.Message
        let metadata: Logger.Metadata
    }

    private var notes: [Note] = []

    mutating func notice(_ message: Logger.Message, metadata: Logger.Metadata) {
        notes.append(Note(level: .notice, message: message, metadata: metadata))
    }

    mutating func warning(_ message: Logger.Message, metadata: Logger.Metadata) {
        notes.append(Note(level: .warning, message: message, metadata: metadata))
    }

    /// The turn is durable.
    mutating func commitSucceeded(_ logger: Logger) {
        for note in notes {
            logger.log(level: note.level, note.message, metadata: note.metadata)
        }
        notes = []
    }

    /// The turn has not happened.
    mutating func commitRefused() {
        notes = []
    }
}
