import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl get KEY`: the value on stdout.
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Write a key's value to stdout: its bytes, and nothing else.",
        discussion: """
            If the key has no value, nothing is written and the exit code is 1. An empty value is a value.

                leasectl get logo > logo.png
                leasectl get --hex 6d6f7464
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var arguments: KeyArguments

    func run() throws {
        let (key, format) = try (arguments.decodedKey, arguments.format)
        let value = try connection.ask { client throws(LeaseClientError) in try await client.get(key) }
        guard let value else { throw Failure(ExitStatus.isAnother, "\(format.text(key.bytes)) has no value") }
        if output.json {
            try output.showObject(format.json("key", key.bytes) + format.json("value", value))
        } else if format.hex {
            try Console.writeLine(format.text(value))
        } else {
            try Console.write(value)
        }
    }
}
