import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl delete KEY`.
struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a key's value; its children and its lease stay.",
        discussion: """
            A key without a value is not an error. To remove everything that a key has, see "leasectl keys remove".

                leasectl delete motd
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var condition: ConditionOptions
    @OptionGroup var arguments: KeyArguments

    func run() throws {
        let (key, format) = try (arguments.decodedKey, arguments.format)
        let isDeleted = try connection.ask { [condition] client throws(LeaseClientError) in
            try await client.delete(key, if: condition.condition)
        }
        if output.json {
            try output.showObject(format.json("key", key.bytes) + [.init("deleted", .bool(isDeleted))])
        } else if !isDeleted {
            try Console.writeLine("\(format.text(key.bytes)) has no value: there was nothing to delete")
        }
    }
}
