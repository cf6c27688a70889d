import GRDB
import GRDBSQLite

/// Space in the WAL index (`-shm`) for the frames to come.
///
/// The index consists of regions of 32 KiB: the first for 4062 frames, each further one for 4096
/// (sqlite.org/walformat.html). SQLite creates the next region only after a commit's frames are in the WAL and synced,
/// too late to refuse them: a disk that is full just then would end the daemon. So one region more than the WAL needs
/// is created in advance.
final class WALIndexRoom {
    private static let regionSize: Int32 = 32_768
    private static let framesOfRegion = 4096
    /// How many fewer frames the first region holds.
    private static let framesOfHeader = 34

    /// How many regions are known to exist.
    private var regions = 0

    private static func regions(for frames: Int32) -> Int {
        (Int(frames) + framesOfHeader) / framesOfRegion + 2
    }

    /// Whether ``extend(on:frames:)`` has anything to do.
    func isDue(frames: Int32) -> Bool { frames >= WALRoom.fewestFrames && regions < Self.regions(for: frames) }

    /// Makes SQLite create the regions, between two commits; what the disk refuses is tried again after the next.
    ///
    /// - Parameter frames: How many frames the WAL has.
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
