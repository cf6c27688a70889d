import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl prefix append|list|contains|remove`: the children of a key.
struct PrefixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefix",
        abstract: "See and change the children of a key.",
        discussion: """
            A key may have any number of children, a set in byte order, beside its value and its lease.

                leasectl prefix append hosts web1
                leasectl prefix list hosts
            """,
        subcommands: [Append.self, List.self, Contains.self, Remove.self]
    )

    func run() throws {
        throw Failure.missingCommand(of: Self.self)
    }
}

/// A key and one of its children.
struct ChildArguments: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var format: BytesOptions

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The child.")
    var child: String

    func validate() throws {
        _ = try (format.key(key), format.key(child))
    }

    /// Prints one JSON object with the key, the child and what is said of them.
    func show(_ members: JSONText.Member...) throws {
        let names = try format.json("key", format.bytes(key)) + format.json("child", format.bytes(child))
        try output.showObject(names + members)
    }
}

extension PrefixCommand {
    /// `leasectl prefix append KEY CHILD`.
    struct Append: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a child to a key.",
            discussion: "If the key has the child already, the exit code is 1."
        )

        @OptionGroup var arguments: ChildArguments
        @OptionGroup var condition: ConditionOptions

        func run() throws {
            let (key, child) = try (arguments.format.key(arguments.key), arguments.format.key(arguments.child))
            try arguments.connection.ask { [condition] client throws(LeaseClientError) in
                try await client.append(child, to: key, if: condition.condition)
            }
            if arguments.output.json { try arguments.show(.init("appended", .bool(true))) }
        }
    }

    /// `leasectl prefix list KEY`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the children of a key in byte order, one a line.",
            discussion: "Without --hex or --json a backslash is doubled, and what is not printable is shown as \\xHH."
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var format: BytesOptions

        @Argument(help: "The key.")
        var key: String

        func validate() throws {
            _ = try format.key(key)
        }

        func run() throws {
            let key = try format.key(key)
            try connection.show(output, format, "child", of: { $0.allChildren(of: key) }, bytes: \.bytes)
        }
    }

    /// `leasectl prefix contains KEY CHILD`.
    struct Contains: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "See whether a key has a child.",
            discussion: """
                Prints nothing and answers by its exit code: 0 if it has, 1 if it has not.

                    leasectl prefix contains hosts web1 && echo yes
                """
        )

        @OptionGroup var arguments: ChildArguments

        func run() throws {
            let (key, child) = try (arguments.format.key(arguments.key), arguments.format.key(arguments.child))
            let isThere = try arguments.connection.ask { client throws(LeaseClientError) in
                try await client.contains(child, under: key)
            }
            if arguments.output.json { try arguments.show(.init("contains", .bool(isThere))) }
            if !isThere { throw Failure(ExitStatus.isAnother, "") }
        }
    }

    /// `leasectl prefix remove KEY CHILD`.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a child from a key.",
            discussion: "A child that is not there is no error."
        )

        @OptionGroup var arguments: ChildArguments
        @OptionGroup var condition: ConditionOptions

        func run() throws {
            let (key, child) = try (arguments.format.key(arguments.key), arguments.format.key(arguments.child))
            let isRemoved = try arguments.connection.ask { [condition] client throws(LeaseClientError) in
                try await client.removeChild(child, from: key, if: condition.condition)
            }
            if arguments.output.json {
                try arguments.show(.init("removed", .bool(isRemoved)))
            } else if !isRemoved {
                let names = (arguments.format.text(key.bytes), arguments.format.text(child.bytes))
                try Console.writeLine("\(names.0) has no child \(names.1): there was nothing to remove")
            }
        }
    }
}
