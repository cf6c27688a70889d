import LeaseCore

/// Reads a dump as its bytes arrive, and refuses anything else.
///
/// A pure state machine: header, entries, trailer, end. It holds one line at a time. Only at the end is it known that
/// the dump is complete, so the entries must not be used before ``finish()`` has returned once.
struct DumpReader {
    /// The contents of a complete dump.
    struct Summary: Hashable, Sendable {
        /// The number of entries.
        fileprivate(set) var entries = 0
        /// The number of entries with a lease.
        fileprivate(set) var leases = 0
    }

    private enum State {
        case header, entries, ended
    }

    private var state = State.header
    private var summary = Summary()
    private var checksum = XXH64()
    /// The beginning of a line whose end has not arrived.
    private var partial: [UInt8] = []
    private var lineNumber = 1

    /// Takes the next bytes, and returns the entries that they complete.
    ///
    /// - Throws: ``Failure`` if they do not continue a dump.
    mutating func feed(_ bytes: [UInt8]) throws(Failure) -> [StoreEntry] {
        var entries: [StoreEntry] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            partial += rest[..<end]
            rest = rest[(end + 1)...]
            if let entry = try take(partial) { entries.append(entry) }
            partial.removeAll(keepingCapacity: true)
            lineNumber += 1
        }
        partial += rest
        guard partial.count <= DumpFormat.longestLine else { throw refused("is longer than any entry") }
        return entries
    }

    /// Ends the input: the dump must be complete.
    ///
    /// - Throws: ``Failure`` if it is not.
    func finish() throws(Failure) -> Summary {
        guard state == .ended, partial.isEmpty else {
            throw Failure(ExitStatus.dataError, "the dump is cut off in line \(lineNumber)")
        }
        return summary
    }

    private mutating func take(_ line: [UInt8]) throws(Failure) -> StoreEntry? {
        switch state {
        case .header:
            guard line == DumpFormat.header else {
                if line == DumpFormat.header + [UInt8(ascii: "\r")] {
                    throw refused("has carriage returns at the ends of its lines; import it as it was exported")
                }
                throw line.starts(with: DumpFormat.headerStart)
                    ? refused("names another version than \(DumpFormat.version); import it with a newer leasectl")
                    : refused("is not the first line of a dump")
            }
            state = .entries
        case .entries where line.starts(with: DumpFormat.trailerStart):
            guard line == DumpFormat.trailer(entries: summary.entries, checksum: checksum.value) else {
                throw refused("does not fit what is before it: the dump was altered, or is not whole")
            }
            state = .ended
        case .entries:
            var scanner = DumpScanner(line)
            guard let entry = scanner.entry() else { throw refused("is not an entry") }
            summary.entries += 1
            summary.leases += entry.lease == nil ? 0 : 1
            checksum.update(line + [UInt8(ascii: "\n")])
            return entry
        case .ended:
            throw refused("is behind the last line of the dump")
        }
        checksum.update(line + [UInt8(ascii: "\n")])
        return nil
    }

    private func refused(_ what: String) -> Failure {
        Failure(ExitStatus.dataError, "line \(lineNumber) of the dump \(what)")
    }
}
