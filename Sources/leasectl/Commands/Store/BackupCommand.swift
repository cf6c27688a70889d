import ArgumentParser
import Glibc
import LeaseClient
import LeaseStore

/// `leasectl backup FILE`: a copy of the live store.
///
/// The only command that reads the store's file itself: no socket gives it out. So it is for root and the daemon's
/// user.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the daemon's whole store to a file while the daemon runs.",
        discussion: """
            The copy is the store at one instant: leases, values, tokens, history. It is made beside FILE, and becomes \
            FILE only when it is complete and on disk. The command reads the store's file itself, so it is for root \
            and the daemon's own user. Without --store it asks the daemon where the store is.

                leasectl backup /var/backups/leased-$(date +%F).db

            To restore it, stop the daemon, run "leased --restore FILE", and start the daemon again.
            """
    )

    @OptionGroup var connection: ConnectionOptions

    @Option(
        help: ArgumentHelp("Copy the store in the file at PATH, whether its daemon runs or not.", valueName: "path"),
        completion: .file(),
        transform: ArgumentValue.path
    )
    var store: String?

    @Flag(help: "Replace FILE if it exists.")
    var force = false

    @Argument(help: "Where to put the backup.", completion: .file(), transform: ArgumentValue.path)
    var file: String

    func run() throws {
        let path = try store ?? storeOfTheDaemon()
        var progress = Progress("copied", "pages")
        defer { progress.end() }
        var copied = 0
        do throws(StoreError) {
            try LeaseStore.backup(of: path, to: file, replacing: force) { pages, total in
                progress.advance(by: pages - copied, of: total)
                copied = pages
            }
        } catch {
            throw Failure(error)
        }
    }

    /// The path that the daemon reports.
    private func storeOfTheDaemon() throws(Failure) -> String {
        let sections: [InfoSection]
        do throws(Failure) {
            sections = try connection.ask { client throws(LeaseClientError) in try await client.info() }
        } catch {
            throw Failure(error.status, "\(error.message); name its store with --store")
        }
        let path = sections.flatMap(\.fields).first { $0.name == "store_path" }?.value
        guard let path, path.hasPrefix("/") else {
            throw Failure(ExitStatus.unavailable, "the daemon does not say where its store is; name it with --store")
        }
        return path
    }
}

extension Failure {
    /// The failure of a command that could not copy a store.
    init(_ error: StoreError) {
        let status =
            switch error.code {
            case .missing: ExitStatus.noInput
            case .notAStore, .damaged, .newerSchema: ExitStatus.dataError
            case .locked: ExitStatus.unavailable
            case .cannotCreate, .exists: ExitStatus.cannotCreate
            case .denied: ExitStatus.denied
            default: ExitStatus.outputError
            }
        self.init(status, error.code == .exists ? "\(error.message) (--force)" : error.message)
    }
}
