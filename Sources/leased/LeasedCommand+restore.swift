import ArgumentParser
import LeaseCore
import LeaseServer
import LeaseStore
import Logging

/// `leased --restore FILE`.
extension LeasedCommand {
    static func token(_ text: String) throws -> Token {
        guard let number = Int64(text), number <= EntryLease.highestToken, let token = Token(rawValue: number) else {
            throw ValidationError("--min-token is a number from 1 to \(EntryLease.highestToken), not '\(text)'")
        }
        return token
    }

    /// Replaces the store by a backup, and logs what became of its contents.
    func restoreBackup(_ backup: String, logger: Logger, level: LogLevel) throws {
        let configuration = try loadConfiguration()
        level.current = configuration.logLevel
        let report = try LeaseStore.restore(backup, to: configuration.storePath, minimumToken: minToken)
        logger.notice(
            "store restored",
            metadata: [
                "path": "\(configuration.storePath)", "backup": "\(backup)",
                "backup_ms": "\(report.backupTime.milliseconds)",
                "tenures_kept": "\(report.tenuresKept)", "tenures_dropped": "\(report.tenuresDropped)",
                "tenures_expired": "\(report.tenuresExpired)",
                "backup_last_token": "\(report.lastTokenOfBackup.map { "\($0)" } ?? "")",
                "last_token": "\(report.lastToken)",
            ]
        )
        if report.tenuresDropped > 0 {
            logger.warning(
                "bound and tied tenures were dropped; end the jobs that held them before the start",
                metadata: ["tenures": "\(report.tenuresDropped)"]
            )
        }
        if let replaced = report.replaced {
            logger.notice(
                "the store that was there is kept; remove it when it is of no use",
                metadata: ["path": "\(replaced)"]
            )
        }
    }
}
