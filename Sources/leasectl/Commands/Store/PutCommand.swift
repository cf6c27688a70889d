import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl put KEY VALUE|-`.
struct PutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Set a key's value.",
        discussion: """
            If the value is -, it is read from stdin to the end, byte for byte. With --if it is written only if a \
            lease is held, so that a job that has lost its lease without knowing it overwrites nothing. If stdin is \
            longer than a value may be, or with --hex is not hexadecimal digits, the exit code is 65 and nothing is \
            written.

                leasectl put motd "back at noon"
                leasectl put logo - < logo.png

            In a job of "leasectl run", only while it holds its lease:

                leasectl put --if "$LEASE_NAME:$LEASE_TOKEN" backup/last "$(date)"
            """
    )

    /// The most bytes read from stdin; the daemon's own limit is lower.
    private static let mostInput = 16 << 20

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var condition: ConditionOptions
    @OptionGroup var arguments: KeyArguments

    @Argument(help: "The value, or - for stdin.")
    var value: String

    func validate() throws {
        if value != "-" { _ = try arguments.format.bytes(value) }
    }

    func run() throws {
        let (key, format) = try (arguments.decodedKey, arguments.format)
        let isInput = value == "-"
        let value = try isInput ? readInput() : format.bytes(value)
        try connection.carryOut { [condition] client throws(Failure) in
            do throws(LeaseClientError) {
                try await client.put(key, value, if: condition.condition)
            } catch {
                guard isInput, error.code == .tooBig else { throw Failure(error) }
                // The input is at fault, not the command.
                let message = "the value on stdin has \(value.count) bytes: \(error.message)"
                throw Failure(ExitStatus.dataError, message)
            }
        }
        if output.json { try output.showObject(format.json("key", key.bytes) + [.init("put", .bool(true))]) }
    }

    /// The value on stdin.
    ///
    /// - Throws: ``Failure`` if it cannot be read, is too big, or is not the required digits: the input is at fault,
    ///   not the command.
    private func readInput() throws(Failure) -> [UInt8] {
        let bytes = try StandardInput.readAll(atMost: Self.mostInput)
        do {
            return try arguments.format.decode(bytes)
        } catch {
            throw Failure(ExitStatus.dataError, "stdin cannot be the value: \(BytesOptions.isNoHexadecimal)")
        }
    }
}
