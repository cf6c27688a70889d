import Foundation
import LeaseCore
import LeaseStore

/// A temporary folder for a test's store, deleted with the value.
final class StoreFolder {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("leased-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The store's file.
    var store: String { path + "/store.db" }

    /// The bytes of the file and its WAL, as another process finds them, or a machine that starts again.
    ///
    /// The WAL's index (`-shm`) does not survive, and is left out.
    func image() throws -> StoreImage {
        StoreImage(database: try bytes(of: store), log: try? bytes(of: store + "-wal"))
    }

    /// Puts the files of an image here.
    func write(_ image: StoreImage) throws {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: store + suffix)
        }
        try Data(image.database).write(to: URL(fileURLWithPath: store))
        if let log = image.log {
            try Data(log).write(to: URL(fileURLWithPath: store + "-wal"))
        }
    }

    func bytes(of path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

/// A store's file and its WAL, byte for byte.
struct StoreImage: Equatable {
    /// The header of each frame in the WAL (sqlite.org/fileformat2.html, section 4.1).
    static let frameHeader = 24
    static let logHeader = 32
    static let pageSize = 4096

    var database: [UInt8]
    var log: [UInt8]?

    /// How many frames the WAL has; after them there may be reserved space, which is zeros.
    var frames: Int {
        guard let log else { return 0 }
        let places = max(log.count - Self.logHeader, 0) / (Self.frameHeader + Self.pageSize)
        return (0..<places).first { frame in
            // A frame begins with the number of its page, and the first page has the number 1.
            let header = Self.logHeader + frame * (Self.frameHeader + Self.pageSize)
            return log[header..<header + 4].allSatisfy { $0 == 0 }
        } ?? places
    }

    /// How many of its frames, from the first, end a transaction: their header has the size of the file after it.
    var commits: Int {
        guard let log else { return 0 }
        return (0..<frames).count { frame in
            let header = Self.logHeader + frame * (Self.frameHeader + Self.pageSize)
            return log[header + 4..<header + 8].contains { $0 != 0 }
        }
    }

    /// The image with this many frames of the WAL, and this many bytes of the next.
    ///
    /// - Parameter room: The number of zeros that follow.
    func cut(after frames: Int, bytes: Int = 0, room: Int = 0) -> StoreImage {
        let length = Self.logHeader + frames * (Self.frameHeader + Self.pageSize) + bytes
        return StoreImage(database: database, log: log.map { $0.prefix(length) + Array(repeating: 0, count: room) })
    }
}
