internal import LeaseCore

/// Every command, in one place: the only list of commands in the program.
///
/// A new command is an entry here, with the line that reads its arguments, and a case of ``Command``.
package enum CommandTable {
    /// The commands, in the order of the protocol's page.
    package static let all: [CommandSpec] = leases + watching + store + connection + server

    /// The command of that name, case ignored, or `nil` if there is none.
    package static func find(_ name: some Collection<UInt8>) -> CommandSpec? {
        guard let word = CommandWord(name), let index = indices[word] else { return nil }
        return all[index]
    }

    private static let indices: [CommandWord: Int] = Dictionary(
        uniqueKeysWithValues: all.enumerated().map { index, spec in
            guard let word = CommandWord(spec.name.utf8) else {
                preconditionFailure("the name '\(spec.name)' is too long for a command")
            }
            return (word, index)
        }
    )
}

/// The name of a command as a number, in lower case, so that a look-up allocates no memory.
private struct CommandWord: Hashable {
    private static let longest = 16

    private var high: UInt64 = 0
    private var low: UInt64 = 0

    /// Packs a name of 1 to 16 bytes; no byte of a name is 0, so that different names are different numbers.
    init?(_ name: some Collection<UInt8>) {
        guard !name.isEmpty, name.count <= Self.longest else { return nil }
        for byte in name {
            guard byte != 0 else { return nil }
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(PrintableBytes.lowercased(byte))
        }
    }
}
