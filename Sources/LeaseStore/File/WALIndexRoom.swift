import GRDB
import GRDBSQLite

/// Room in the index of the log (`-shm`) for the frames to come.
///
/// The index has regions of 32 KiB: the first for 4062 frames, each further one for 4096 (sqlite.org/walformat.html).
/// SQLite makes the next one when a commit's frames are in the log and synced, and then it is too late to refuse them:
/// a disk that is full just then would end the daemon. So one region more than the log needs is there before.
final class WALIndexRoom {
    private static let regionSize: Int32 = 32_768
    private static let framesOfRegion = 4096
    /// How many fewer the first has.
    private static let framesOfHeader = 34

    /// How many regions there are, as far as this has seen to them.
    private var regions = 0

    private static func regions(for frames: Int32) -> Int {
        (Int(frames) + framesOfHeader) / framesOfRegion + 2
    }

    /// Whether ``extend(on:frames:)`` has anything to do.
    func isDue(frames: Int32) -> Bool { frames >= WALRoom.fewestFrames && regions < Self.regions(for: frames) }

    /// Has SQLite make the regions, between two commits; what the disk refuses is tried again after the next.
    ///
    /// - Parameter frames: how many the log has.
    func extend(on writer: Database, frames: Int32) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(writer.sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &file)
        guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods?.pointee, methods.iVersion >= 2 else {
            return
        }
        while regions < Self.regions(for: frames) {
            var region: UnsafeMutableRawPointer?
            guard methods.xShmMap(file, Int32(regions), Self.regionSize, 1, &region) == SQLITE_OK else { return }
            regions += 1
        }
    }
}
