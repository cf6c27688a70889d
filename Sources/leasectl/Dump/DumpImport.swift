import LeaseClient
import LeaseCore

/// Sends a dump that was checked, in chunks.
struct DumpImport: Sendable {
    let source: DumpSource
    let withLeases: Bool

    /// Reads the dump again and sends it, chunk by chunk.
    ///
    /// - Parameter summary: what the dump had when it was checked.
    /// - Throws: ``Failure`` with the refusal of a chunk; those before it are written.
    func send(to client: LeaseClient, expecting summary: DumpReader.Summary) async throws(Failure) {
        var reader = DumpReader()
        var batch = ImportBatch()
        var sent = 0
        var progress = Progress("imported")
        defer { progress.end() }
        func send() async throws(Failure) {
            do throws(LeaseClientError) {
                try await client.import(batch.entries)
            } catch {
                let message = "\(error.message); \(sent) of \(summary.entries) entries were imported, run it again"
                throw Failure(Failure(error).status, message)
            }
            sent += batch.entries.count
            progress.advance(by: batch.entries.count)
        }
        try source.rewind()
        while true {
            let piece = try source.read()
            guard !piece.isEmpty else { break }
            for var entry in try reader.feed(piece) {
                if !withLeases { entry.lease = nil }
                guard !batch.append(entry) else { continue }
                try await send()
                batch = ImportBatch(entry)
            }
        }
        guard try reader.finish() == summary else {
            throw Failure(ExitStatus.dataError, "the dump is another one than when it was checked")
        }
        try await send()
    }
}
