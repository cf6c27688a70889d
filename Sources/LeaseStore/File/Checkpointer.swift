import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Checkpoints the WAL beside the writer, so that no COMMIT has to.
///
/// A passive checkpoint on its own connection copies frames while the writer appends
/// (sqlite.org/c3ref/wal_checkpoint_v2.html). Under steady load it never catches up, and a WAL not copied to its end is
/// never restarted: it grows, and syncs of a growing file cost more than twice as much. So the writer copies the last
/// frames itself between two commits, when few are left or at four times the threshold.
///
/// No checkpoint passes a reader's snapshot (sqlite.org/wal.html, "Avoiding Excessively Large WAL Files"). So once the
/// WAL is overlong, a new read waits until none is running and checkpoints first (``carryOver(on:)``).
final class Checkpointer: Sendable {
    /// From this many frames (4 KiB each) the WAL is checkpointed.
    let threshold: Int32
    /// At most this many remaining frames are copied by the writer itself.
    private var remainder: Int32 { threshold / 16 }
    /// From this many frames the writer copies all that is left, in one slow turn.
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

    /// Makes SQLite count the WAL's frames after each commit on the writer's connection.
    func observe(_ writer: Database) {
        // The checkpointer is closed after the writer, so it outlives the pointer that SQLite keeps.
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

    /// Whether a checkpoint beside the writer is running.
    var isRunning: Bool { running.load(ordering: .acquiring) }

    /// SQLite's code of a sync that failed beside the writer, or `nil`; what the disk holds is then unknown, as after a
    /// failed COMMIT.
    var failedSyncCode: Int32? {
        let code = failedSync.load(ordering: .acquiring)
        return code == 0 ? nil : code
    }

    /// How many frames the WAL had after the last commit that wrote any.
    var walFrames: Int32 { frames.load(ordering: .relaxed) }

    /// Whether ``tendWAL(on:)`` has anything to do; asked after each commit.
    var isWALLong: Bool { walFrames >= threshold }

    /// Whether the WAL is so long that no read may begin beside another.
    var isWALOverlong: Bool { walFrames >= limit }

    /// Begins or completes a checkpoint, between two commits, if the WAL has become long.
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

    /// Copies the remaining frames between two commits, unless a checkpoint beside the writer is running.
    ///
    /// Without readers that is all of them, and the WAL restarts.
    func carryOver(on writer: Database) throws {
        guard !isRunning else { return }
        copiedFrames.store(0, ordering: .relaxed)
        let result = try writer.checkpoint(.passive)
        if result.checkpointedFrameCount == result.walFrameCount {
            // Everything is in the file: the next frames restart the WAL, and until then there is nothing to do.
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
                // A checkpoint refused by a full disk or a busy reader is tried again after the next commit.
                let code = (error as? DatabaseError)?.extendedResultCode ?? .SQLITE_ERROR
                if code == .SQLITE_IOERR_FSYNC {
                    failedSync.store(code.rawValue, ordering: .releasing)
                }
                copiedFrames.store(0, ordering: .releasing)
            }
            running.store(false, ordering: .releasing)
        }
    }

    /// Waits for the running checkpoint, if any.
    func settle() {
        connection.writeWithoutTransaction { _ in }
    }

    func close() throws {
        try connection.close()
    }
}
