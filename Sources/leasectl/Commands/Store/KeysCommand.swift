import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl keys list|range|tracker|remove`: keys, whatever they have.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Show and remove keys, whatever they have.",
        discussion: """
            A key exists while it has a value, a child or a lease.

                leasectl keys list backup/
                leasectl keys range 0 9223372036854775807
            """,
        subcommands: [List.self, Range.self, Tracker.self, Remove.self]
    )

    func run() throws {
        throw Failure.missingCommand(of: Self.self)
    }
}

extension KeysCommand {
    /// `leasectl keys list [PREFIX]`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show keys in byte order, and what each has.",
            discussion: "Without --hex or --json, a backslash is doubled, and what is not printable is shown as \\xHH."
        )

        /// How many rows are aligned together.
        private static let pieceSize = 1000

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var format: BytesOptions

        @Argument(help: "Only keys that begin with this.")
        var prefix: String?

        func validate() throws {
            _ = try prefix.map(format.bytes)
        }

        func run() throws {
            let prefix = try prefix.map(format.bytes) ?? []
            try connection.carryOut { [output, format] client throws(Failure) in
                var table = TextTable([("KEY", .left), ("KINDS", .left)])
                func show() throws(Failure) {
                    let lines = table.takeLines(style: .standardOutput())
                    if !lines.isEmpty { try Console.writeLine(lines.joined(separator: "\n")) }
                }
                var keys = client.allKeys(prefix: prefix).makeAsyncIterator()
                while let listed = try await Failure.mapped({ () throws(LeaseClientError) in try await keys.next() }) {
                    let kinds = listed.kinds.map(\.rawValue)
                    if output.json {
                        let list = JSONText.Member("kinds", .array(kinds.map { .string($0) }))
                        try output.showObject(format.json("key", listed.key.bytes) + [list])
                    } else {
                        table.add([format.text(listed.key.bytes), kinds.joined(separator: ",")])
                        if table.rowCount == Self.pieceSize { try show() }
                    }
                }
                try show()
            }
        }
    }

    /// `leasectl keys range LOW HIGH`.
    struct Range: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the keys in an interval of the hash ring, by hash, then by key.",
            discussion: """
                Shows the keys whose hash is above LOW and at most HIGH. If LOW is not below HIGH, the interval wraps \
                around, so 0 0 is all keys.

                    leasectl keys range 0 0
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var format: BytesOptions

        @Argument(help: "The hash just before the interval.", transform: ArgumentValue.hash)
        var low: UInt64

        @Argument(help: "The last hash in the interval.", transform: ArgumentValue.hash)
        var high: UInt64

        func run() throws {
            try connection.show(
                output,
                format,
                "key",
                of: { [low, high] in $0.allKeysInRange(low: low, high: high) },
                bytes: \.bytes
            )
        }
    }

    /// `leasectl keys tracker KEY`.
    struct Tracker: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a key's hash and what it has.",
            discussion: "A key that has nothing has no tracker: the exit code is 1."
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var arguments: KeyArguments

        func run() throws {
            let (key, format) = try (arguments.decodedKey, arguments.format)
            let tracker = try connection.ask { client throws(LeaseClientError) in try await client.tracker(of: key) }
            guard let tracker else { throw Failure(ExitStatus.isAnother, "\(format.text(key.bytes)) has nothing") }
            let kinds = tracker.kinds.map(\.rawValue)
            if output.json {
                try output.showObject(
                    format.json("key", key.bytes) + [
                        .init("hash", .string("\(tracker.hash)")), .init("kinds", .array(kinds.map { .string($0) })),
                    ]
                )
            } else {
                try Console.writeLine("\(tracker.hash) \(kinds.joined(separator: ","))")
            }
        }
    }

    /// `leasectl keys remove KEY…`.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove keys and everything they have, in one transaction, and print how many existed.",
            discussion: """
                A lease in force ends at once, and only an administrator may remove it. Keys that together have more \
                than 250,000 children are refused, unless the daemon is configured otherwise: remove some of the \
                children first.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var format: BytesOptions

        @Argument(help: "The keys.")
        var keys: [String]

        func validate() throws {
            _ = try keys.map(format.key)
        }

        func run() throws {
            let keys = try keys.map(format.key)
            let count = try connection.ask { client throws(LeaseClientError) in try await client.removeKeys(keys) }
            if output.json {
                try output.showObject([.init("removed", .integer(Int64(count)))])
            } else {
                try Console.writeLine("\(count)")
            }
        }
    }
}
