import Glibc
import LeaseClient
import LeaseCore

/// Imports a dump that was already checked, in batches.
struct DumpImport {
    let source: DumpSource
    let withLeases: Bool
    /// The dump's summary when it was checked.
    let summary: DumpReader.Summary

    /// How many leases were past when they were sent, by this machine's clock: the daemon skips these.
    private(set) var pastLeases = 0

    private var batch = ImportBatch()
    private var progress: Progress
    /// How many entries the daemon has; an entry in pieces counts once its last piece is there.
    private var sent = 0
    /// How many entries end in the present batch.
    private var ending = 0

    init(source: DumpSource, withLeases: Bool, summary: DumpReader.Summary) {
        self.source = source
        self.withLeases = withLeases
        self.summary = summary
        progress = Progress("imported", of: summary.entries)
    }

    /// Reads the dump again and sends it, batch by batch.
    ///
    /// - Throws: ``Failure`` with the daemon's refusal of a batch; the batches before it are written.
    mutating func send(to client: LeaseClient) async throws(Failure) {
        defer { progress.end() }
        var reader = DumpReader()
        try source.rewind()
        while true {
            let bytes = try source.read()
            guard !bytes.isEmpty else { break }
            for var entry in try reader.feed(bytes) {
                if !withLeases { entry.lease = nil }
                if let lease = entry.lease, lease.expiresAt <= Self.wallClock() { pastLeases += 1 }
                for piece in ImportBatch.pieces(of: entry) where !batch.append(piece) {
                    try await sendBatch(to: client)
                    batch = ImportBatch(piece)
                }
                ending += 1
            }
        }
        guard try reader.finish() == summary else {
            throw Failure(ExitStatus.dataError, "the dump is another one than when it was checked")
        }
        try await sendBatch(to: client)
    }

    /// CLOCK_REALTIME.
    private static func wallClock() -> WallInstant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallInstant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    private mutating func sendBatch(to client: LeaseClient) async throws(Failure) {
        do throws(LeaseClientError) {
            try await client.import(batch.entries)
        } catch {
            // What is too big for the daemon is the fault of the dump, not of the command.
            let status = error.code == .tooBig ? ExitStatus.dataError : Failure(error).status
            let message = "\(error.message); \(sent) of \(summary.entries) entries were imported, run it again"
            throw Failure(status, message)
        }
        sent += ending
        progress.advance(by: ending)
        ending = 0
    }
}
