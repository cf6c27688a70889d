import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl put KEY VALUE|-`.
struct PutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Set a key's value.",
        discussion: """
            With - the value is what comes on stdin, to its end, byte for byte. With --if it is written only while a \
            lease is held, so that a job that lost its lease without knowing it overwrites nothing.

                leasectl put motd "back at noon"
                leasectl put logo - < logo.png
                leasectl run backup -- sh -c 'leasectl put --if "$LEASE_NAME:$LEASE_TOKEN" backup/last "$(date)"'
            """
    )

    /// The most bytes that are read from stdin; the daemon's own limit is lower.
    private static let mostInput = 16 << 20

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var format: BytesOptions
    @OptionGroup var condition: ConditionOptions

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The value, or - for stdin.")
    var value: String

    func validate() throws {
        _ = try format.key(key)
        if value != "-" { _ = try format.bytes(value) }
    }

    func run() throws {
        let key = try format.key(key)
        let value =
            try value == "-"
            ? format.decode(StandardInput.readAll(atMost: Self.mostInput)) : format.bytes(value)
        try connection.ask { [condition] client throws(LeaseClientError) in
            try await client.put(key, value, if: condition.condition)
        }
        if output.json { try output.showObject(format.json("key", key.bytes) + [.init("put", .bool(true))]) }
    }
}
