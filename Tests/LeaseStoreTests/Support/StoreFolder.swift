import Foundation
import LeaseCore
import LeaseStore

/// A folder of its own for a test's store, gone with the value.
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

    /// The bytes of the file and its log as another process, or a machine that starts again, finds them.
    ///
    /// The index of the log (`-shm`) is no part of what survives, and is left out.
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

/// A store's file and its log, byte for byte.
struct StoreImage: Equatable {
    /// What a frame of the log has beside its page (sqlite.org/fileformat2.html, section 4.1).
    static let frameHeader = 24
    static let logHeader = 32
    static let pageSize = 4096

    var database: [UInt8]
    var log: [UInt8]?

    /// How many frames the log has; behind them there may be room, which is zeros.
    var frames: Int {
        guard let log else { return 0 }
        let places = max(log.count - Self.logHeader, 0) / (Self.frameHeader + Self.pageSize)
        return (0..<places).first { frame in
            // A frame begins with the number of its page, and the first page has the number 1.
            let header = Self.logHeader + frame * (Self.frameHeader + Self.pageSize)
            return log[header..<header + 4].allSatisfy { $0 == 0 }
        } ?? places
    }

    /// How many of them, from the first, end a transaction: their header tells the size of the file after it.
    var commits: Int {
        guard let log else { return 0 }
        return (0..<frames).count { frame in
            let header = Self.logHeader + frame * (Self.frameHeader + Self.pageSize)
            return log[header + 4..<header + 8].contains { $0 != 0 }
        }
    }

    /// The image with so many frames of the log, and so many bytes of the next.
    ///
    /// - Parameter room: how many zeros come behind that.
    func cut(after frames: Int, bytes: Int = 0, room: Int = 0) -> StoreImage {
        let length = Self.logHeader + frames * (Self.frameHeader + Self.pageSize) + bytes
        return StoreImage(database: database, log: log.map { $0.prefix(length) + Array(repeating: 0, count: room) })
    }
}
