import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl export [PREFIX]`: a dump on stdout.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write everything that keys have to stdout, as a dump for \"leasectl import\".",
        discussion: """
            A dump consists of lines of JSON: a header with format and version; an entry for each key, with its bytes \
            in base64 (several entries for a key with very many children); at the end, the number of entries and a \
            checksum (XXH64), which detects accidents, not attackers. Keys are read in pieces, each in a snapshot of \
            its own. If the command fails, the dump has no last line, and no import accepts it.

                leasectl export > dump.ndjson
                leasectl export user/ > users.ndjson
                leasectl export --no-leases > values.ndjson
            """
    )

    /// The number of bytes written at once.
    private static let pieceSize = 64 << 10

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: BytesOptions

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Include leases, with their tokens and the time that is left."
    )
    var leases = true

    @Argument(help: "Only keys that begin with this.")
    var prefix: String?

    func validate() throws {
        _ = try prefix.map(format.bytes)
    }

    func run() throws {
        let prefix = try prefix.map(format.bytes) ?? []
        try connection.carryOut { client throws(Failure) in
            var writer = DumpWriter()
            var progress = Progress("exported", prints: true)
            defer { progress.end() }
            var piece = writer.header()
            var entries = client.entries(prefix: prefix).makeAsyncIterator()
            while var entry = try await Failure.mapped({ () throws(LeaseClientError) in try await entries.next() }) {
                if !leases {
                    entry.lease = nil
                    // A key that has only a lease is left out.
                    guard entry.value != nil || !entry.children.isEmpty else { continue }
                }
                piece += writer.line(entry)
                progress.advance(by: 1)
                guard piece.count >= Self.pieceSize else { continue }
                try Console.write(piece)
                piece.removeAll(keepingCapacity: true)
            }
            try Console.write(piece + writer.trailer())
        }
    }
}
