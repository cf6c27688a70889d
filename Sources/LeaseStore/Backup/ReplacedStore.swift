import CLinux
import Foundation
import GRDB
import Glibc
import LeaseCore

/// The store that a restored one replaces: kept beside it, whole, under another name.
///
/// SQLite takes a log that lies beside a database for that database's own, whatever made it: the old store's log would
/// be replayed into the restored file. So the old log goes first, in an order that leaves a whole store at every step:
///
///     1  the log is written into the file, as at any orderly stop   the old store, whole
///     2  the file gets a second name                                the old store, whole, under both names
///     3  a log that could not be written follows to that name       a damaged store, whole under its second name alone
///     4  the restored file takes the first name                     the restored store
enum ReplacedStore {
    private static let logs = ["-wal", "-journal"]

    /// Gives the store at `path` a second name, and leaves nothing beside the first that SQLite would apply to a new
    /// file.
    ///
    /// - Returns: The second name, or `nil` if there is no store.
    static func setAside(_ path: String, at time: WallInstant) throws(StoreError) -> String? {
        let isThere = access(path, F_OK) == 0
        if isThere { carryLog(of: path) }
        guard isThere || logs.contains(where: { access(path + $0, F_OK) == 0 }) else { return nil }
        let name = try secondName(of: path, at: time)
        if isThere {
            guard link(path, name) == 0 else { throw .failed("link of \(path) to", name, errno) }
        }
        for log in logs {
            guard rename(path + log, name + log) == 0 || errno == ENOENT else {
                throw .failed("rename to", name + log, errno)
            }
        }
        // The WAL index is rebuilt when the file is opened.
        guard unlink(path + "-shm") == 0 || errno == ENOENT else { throw .failed("unlink of", path + "-shm", errno) }
        try Folder.sync(of: path)
        return name
    }

    /// Makes SQLite write the log into the file and remove it; a store too damaged for that is kept as it is.
    private static func carryLog(of path: String) {
        guard logs.contains(where: { access(path + $0, F_OK) == 0 }) else { return }
        do {
            let queue = try DatabaseQueue(path: resolvedPath(path))
            try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            try queue.close()
        } catch {
            // The store is kept with its log.
        }
    }

    private static func secondName(of path: String, at time: WallInstant) throws(StoreError) -> String {
        var seconds = time_t(time.microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
        let stamp = String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
        for number in 1...100 {
            let name = "\(path).before-restore-\(stamp)" + (number == 1 ? "" : "-\(number)")
            var information = stat()
            if ([""] + logs).allSatisfy({ lstat(name + $0, &information) != 0 }) { return name }
        }
        throw StoreError(
            .cannotCreate,
            "\(path).before-restore-\(stamp) and its likes are there already; move them away"
        )
    }
}
