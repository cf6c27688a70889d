import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl prefix append|list|contains|remove`: the children of a key.
struct PrefixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefix",
        abstract: "Show and change the children of a key.",
        discussion: """
            Besides its value and its lease, a key may have any number of children: a set in byte order.

                leasectl prefix append hosts web1
                leasectl prefix list hosts
            """,
        subcommands: [Append.self, List.self, Contains.self, Remove.self]
    )

    func run() throws {
        throw Failure.missingCommand(of: Self.self)
    }
}

extension PrefixCommand {
    /// `leasectl prefix append KEY CHILD`.
    struct Append: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a child to a key.",
            discussion: "If the key already has the child, the exit code is 1."
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var condition: ConditionOptions
        @OptionGroup var arguments: ChildArguments

        func run() throws {
            let (key, child) = try (arguments.parent.decodedKey, arguments.decodedChild)
            try connection.ask { [condition] client throws(LeaseClientError) in
                try await client.append(child, to: key, if: condition.condition)
            }
            if output.json { try output.showObject(arguments.json() + [.init("appended", .bool(true))]) }
        }
    }

    /// `leasectl prefix list KEY`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the children of a key in byte order, one per line.",
            discussion: "Without --hex or --json, a backslash is doubled, and what is not printable is shown as \\xHH."
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var arguments: KeyArguments

        func run() throws {
            let key = try arguments.decodedKey
            try connection.show(output, arguments.format, "child", of: { $0.allChildren(of: key) }, bytes: \.bytes)
        }
    }

    /// `leasectl prefix contains KEY CHILD`.
    struct Contains: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check whether a key has a child.",
            discussion: """
                Answers by its exit code: 0 for yes, 1 for no. Prints nothing without --json.

                    leasectl prefix contains hosts web1 && echo yes
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var arguments: ChildArguments

        func run() throws {
            let (key, child) = try (arguments.parent.decodedKey, arguments.decodedChild)
            let isThere = try connection.ask { client throws(LeaseClientError) in
                try await client.contains(child, under: key)
            }
            if output.json { try output.showObject(arguments.json() + [.init("contains", .bool(isThere))]) }
            if !isThere { throw Failure(ExitStatus.isAnother, "") }
        }
    }

    /// `leasectl prefix remove KEY CHILD`.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a child from a key.",
            discussion: "It is not an error if the key does not have the child."
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var condition: ConditionOptions
        @OptionGroup var arguments: ChildArguments

        func run() throws {
            let (key, child) = try (arguments.parent.decodedKey, arguments.decodedChild)
            let isRemoved = try connection.ask { [condition] client throws(LeaseClientError) in
                try await client.removeChild(child, from: key, if: condition.condition)
            }
            if output.json {
                try output.showObject(arguments.json() + [.init("removed", .bool(isRemoved))])
            } else if !isRemoved {
                let format = arguments.parent.format
                try Console.writeLine(
                    "\(format.text(key.bytes)) has no child \(format.text(child.bytes)): there was nothing to remove"
                )
            }
        }
    }
}
