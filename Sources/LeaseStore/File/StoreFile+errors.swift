import Foundation
import GRDB

/// Errors of SQLite and the system, as store errors that name the file and say what to do.
extension StoreFile {
    static func syncFailed(_ path: String, _ error: any Error) -> StoreError {
        let code = (error as? DatabaseError).map { " (SQLite \($0.extendedResultCode.rawValue))" } ?? ""
        return StoreError(
            .syncFailed,
            "the store \(path): a sync failed\(code); what the disk holds is unknown, and the file decides at the next start",
            underlying: error
        )
    }

    static func damaged(_ path: String, _ detail: String) -> StoreError {
        StoreError(
            .damaged,
            "the store \(path) is damaged (\(detail)); restore a backup, or move the file and its log away to begin anew"
        )
    }

    /// Whether a check could not read a page, which says nothing about its content: the verdict then has SQLite's code.
    static func isUnreadable(_ verdict: String) -> Bool {
        let tails = verdict.split(separator: "error code=").dropFirst()
        let codes = tails.compactMap { Int32($0.prefix(while: \.isNumber)) }
        return codes.contains { ResultCode(rawValue: $0).primaryResultCode == .SQLITE_IOERR }
    }

    static func unreadable(_ path: String, _ detail: String) -> StoreError {
        StoreError(
            .ioError,
            "the store \(path) cannot be read (\(detail)); the kernel's log tells what is wrong with the disk"
        )
    }

    /// SQLite's error as a store error that names the file.
    static func translate(_ error: any Error, path: String) -> StoreError {
        switch error {
        case let error as StoreError: return error
        case let error as MalformedRow: return damaged(path, "a row of \(error.table) makes no sense")
        case let failure as CommitFailure: return failure.storeError
        default: break
        }
        guard let error = error as? DatabaseError else {
            return StoreError(.ioError, "the store \(path): \(reason(error))", underlying: error)
        }
        switch error.resultCode {
        case .SQLITE_NOTADB:
            return StoreError(
                .notAStore,
                "\(path) is no SQLite database; name another file for the store",
                underlying: error
            )
        case .SQLITE_CORRUPT:
            return damaged(path, error.message ?? "SQLite says so")
        case .SQLITE_FULL:
            return StoreError(.ioError, "the store \(path): the disk is full; make room", underlying: error)
        case .SQLITE_CANTOPEN:
            return StoreError(
                .cannotCreate,
                "the store \(path) cannot be opened; its folder must be there and writable",
                underlying: error
            )
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return StoreError(.denied, "the store \(path) may not be written", underlying: error)
        case .SQLITE_MISUSE:
            // GRDB's error for a connection that it has closed.
            return StoreError(.closed, "the store \(path) has been closed; open it again", underlying: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(
                .locked,
                "the store \(path) is in use by another program; close it first",
                underlying: error
            )
        default:
            return StoreError(
                .ioError,
                "the store \(path): \(error.message ?? "") (SQLite \(error.extendedResultCode.rawValue))",
                underlying: error
            )
        }
    }

    private static func reason(_ error: any Error) -> String {
        (error as NSError).localizedDescription
    }
}
