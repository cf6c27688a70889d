import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Carries the log into the file beside the writer, so that no COMMIT has to.
///
/// A passive checkpoint on a connection of its own copies what is in the log while the writer appends
/// (sqlite.org/c3ref/wal_checkpoint_v2.html). Under steady writing it never catches up with the writer, and a log that is
/// not copied to its end is never begun anew, so it would grow, and an append into a growing file syncs at more than
/// twice the cost. So the last frames are copied by the writer itself between two commits: when they are few, and at the
/// latest when the log has four times the length at which it is carried over.
///
/// No copy goes past the snapshot of a reader (sqlite.org/wal.html, "Avoiding Excessively Large WAL Files"): readers of
/// which one is always there would let the log grow without end. So once it is overlong, whoever begins a read waits
/// until none is under way, and carries the log over first (``carryOver(on:)``).
final class Checkpointer: Sendable {
    /// From this many frames (4 KiB each) the log is carried over.
    let threshold: Int32
    /// Up to this many frames the writer copies itself.
    private var remainder: Int32 { threshold / 16 }
    /// From this many frames the writer copies whatever is left, in one slow turn.
    private var limit: Int32 { 4 * threshold }

    private let connection: DatabaseQueue
    private let frames = Atomic<Int32>(0)
    private let copiedFrames = Atomic<Int32>(0)
    private let running = Atomic<Bool>(false)
    private let failedSync = Atomic<Int32>(0)

    init(path: String, threshold: Int32) throws {
        self.threshold = threshold
        var configuration = Configuration()
        configuration.label = "leased.checkpoint"
        configuration.busyMode = .timeout(5)
        connection = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Has SQLite count the log's frames after each commit on the writer's connection.
    func observe(_ writer: Database) {
        // The checkpointer is closed after the writer, and so outlives the pointer that SQLite keeps.
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = sqlite3_wal_hook(
            writer.sqliteConnection,
            { context, _, _, frames in
                if let context {
                    Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue().frames
                        .store(frames, ordering: .relaxed)
                }
                return SQLITE_OK
            },
            context
        )
    }

    /// Whether a checkpoint beside the writer is under way.
    var isRunning: Bool { running.load(ordering: .acquiring) }

    /// SQLite's code of a sync that failed beside the writer, or `nil`: the file is then in doubt as after a failed COMMIT.
    var failedSyncCode: Int32? {
        let code = failedSync.load(ordering: .acquiring)
        return code == 0 ? nil : code
    }

    /// How many frames the log had after the last commit that wrote any.
    var walFrames: Int32 { frames.load(ordering: .relaxed) }

    /// Whether ``tendWAL(on:)`` has anything to do; asked after each commit.
    var isWALLong: Bool { walFrames >= threshold }

    /// Whether the log is so long that no read may begin beside another.
    var isWALOverlong: Bool { walFrames >= limit }

    /// Called between two commits: begins a checkpoint, or ends one, if the log has become long.
    func tendWAL(on writer: Database) throws {
        let frames = walFrames
        guard frames >= threshold, !isRunning else { return }
        let copied = copiedFrames.load(ordering: .acquiring)
        if copied > 0, copied <= frames, frames - copied <= remainder || frames >= limit {
            try carryOver(on: writer)
        } else {
            begin()
        }
    }

    /// Copies what is left between two commits, unless a checkpoint beside the writer is under way; with no reader
    /// there that is all, and the log begins anew.
    func carryOver(on writer: Database) throws {
        guard !isRunning else { return }
        copiedFrames.store(0, ordering: .relaxed)
        let result = try writer.checkpoint(.passive)
        if result.checkpointedFrameCount == result.walFrameCount {
            // All is in the file: the next frames begin the log anew, and until they come there is nothing to do.
            frames.store(0, ordering: .relaxed)
        }
    }

    private func begin() {
        running.store(true, ordering: .releasing)
        connection.asyncWriteWithoutTransaction { [self] database in
            do {
                let copied = try database.checkpoint(.passive).checkpointedFrameCount
                copiedFrames.store(Int32(copied), ordering: .releasing)
            } catch {
                // A checkpoint that was refused, by a full disk or a busy reader, is tried again after the next commit.
                let code = (error as? DatabaseError)?.extendedResultCode ?? .SQLITE_ERROR
                if code == .SQLITE_IOERR_FSYNC {
                    failedSync.store(code.rawValue, ordering: .releasing)
                }
                copiedFrames.store(0, ordering: .releasing)
            }
            running.store(false, ordering: .releasing)
        }
    }

    /// Waits for the checkpoint that is under way, if one is.
    func settle() {
        connection.writeWithoutTransaction { _ in }
    }

    func close() throws {
        try connection.close()
    }
}
