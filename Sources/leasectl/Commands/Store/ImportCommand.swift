import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl import`: a dump on stdin.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Read a dump from stdin and write its entries into the store.",
        discussion: """
            The whole dump is checked first: if it was cut off or altered, it is refused (exit code 65) before \
            anything changes. Then it is sent in chunks, and each chunk is written completely or not at all. A key \
            with more children than one command takes is spread over several chunks. Values are overwritten, children \
            are added. If the command fails on the way, run it again: what was written before is written again \
            unchanged. A dump from a pipe is first copied to a temporary file ($TMPDIR, else /var/tmp).

            Leases are left out, since their holders hold them elsewhere. With --leases they are imported, too, except \
            those whose time is over; this is for administrators.

                leasectl import < dump.ndjson
                leasectl export | leasectl --socket other.sock import
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Import the leases, too.")
    var leases = false

    func run() throws {
        let (source, summary) = try Self.checked()
        let past = try connection.carryOut { [leases] client throws(Failure) in
            var dump = DumpImport(source: source, withLeases: leases, summary: summary)
            try await dump.send(to: client)
            return dump.pastLeases
        }
        let omitted = leases ? past : summary.leases
        if output.json {
            try output.showObject([
                .init("entries", .integer(Int64(summary.entries))),
                .init("leases", .integer(Int64(summary.leases - omitted))),
                .init("leases_left_out", .integer(Int64(omitted))),
            ])
        } else if omitted > 0 {
            let what = omitted == 1 ? "1 lease was" : "\(omitted) leases were"
            let reason = leases ? "past \(omitted == 1 ? "its" : "their") end" : "--leases imports leases"
            try Console.writeLine("\(what) left out; \(reason)")
        }
    }

    /// Reads stdin to its end.
    ///
    /// - Throws: ``Failure`` if it is not a complete dump.
    private static func checked() throws(Failure) -> (DumpSource, DumpReader.Summary) {
        var reader = DumpReader()
        var progress = Progress("checked")
        defer { progress.end() }
        do throws(Failure) {
            let source = try DumpSource { piece throws(Failure) in progress.advance(by: try reader.feed(piece).count) }
            return (source, try reader.finish())
        } catch {
            throw Failure(error.status, "\(error.message); nothing was imported")
        }
    }
}
