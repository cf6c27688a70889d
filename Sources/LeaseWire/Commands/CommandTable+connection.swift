internal import LeaseCore
internal import NIOCore

extension CommandTable {
    /// Commands on the connection that they arrive on.
    static let connection: [CommandSpec] = [
        CommandSpec(
            "ping",
            "Answers PONG, or the message.",
            group: .connection,
            flags: [.readonly, .fast],
            arguments: [.optional("message")]
        ) { arguments in .connection(.ping(message: arguments.optional(0)?.bytes)) },
        CommandSpec(
            "echo",
            "Answers the message.",
            group: .connection,
            flags: [.readonly, .fast],
            arguments: [.required("message")]
        ) { arguments in .connection(.echo(message: arguments[0].bytes)) },
        CommandSpec(
            "hello",
            "Chooses the version of RESP and tells of the server.",
            group: .connection,
            flags: [.fast, .loading, .noAuthentication],
            arguments: [.optional("protover", .integer), .option("SETNAME", "name")]
        ) { arguments throws(LeaseError) in
            .connection(
                .hello(
                    HelloCommand(
                        version: try arguments.optional(0)?.protocolVersion(),
                        name: try arguments["SETNAME"]?.clientName()
                    )
                )
            )
        },
        CommandSpec(
            "client",
            "Commands on client connections.",
            group: .connection,
            flags: [],
            subcommands: [
                CommandSpec(
                    "setname",
                    "Names this connection.",
                    group: .connection,
                    flags: [.fast],
                    arguments: [.required("name")]
                ) { arguments throws(LeaseError) in .connection(.client(.setName(try arguments[0].clientName()))) },
                CommandSpec(
                    "getname",
                    "Answers this connection's name.",
                    group: .connection,
                    flags: [.fast]
                ) { _ in .connection(.client(.getName)) },
                CommandSpec("id", "Answers this connection's number.", group: .connection, flags: [.fast]) { _ in
                    .connection(.client(.id))
                },
                CommandSpec(
                    "setinfo",
                    "Tells the name (LIB-NAME) or version (LIB-VER) of the client's library.",
                    group: .connection,
                    flags: [.fast],
                    arguments: [.required("attribute"), .required("value")]
                ) { arguments throws(LeaseError) in
                    .connection(
                        .client(
                            .setInfo(
                                try arguments[0].clientAttribute(),
                                try arguments[1].clientName("client attribute")
                            )
                        )
                    )
                },
                CommandSpec(
                    "list",
                    "Lists the client connections.",
                    group: .connection,
                    complexity: "O(N) with N connections",
                    flags: [.admin]
                ) { _ in .connection(.client(.list)) },
            ]
        ),
        CommandSpec(
            "select",
            "Chooses database 0, the only one.",
            group: .connection,
            flags: [.fast],
            arguments: [.required("index", .integer)]
        ) { arguments throws(LeaseError) in
            guard arguments[0].integer() == 0 else {
                throw LeaseError(.invalidRequest, "DB index \(arguments[0].quoted) is out of range; there is only 0")
            }
            return .connection(.select)
        },
        CommandSpec(
            "reset",
            "Ends subscriptions and returns to RESP2.",
            group: .connection,
            flags: [.fast, .loading, .noAuthentication]
        ) { _ in .connection(.reset) },
        CommandSpec(
            "quit",
            "Closes the connection.",
            group: .connection,
            flags: [.fast, .loading, .noAuthentication]
        ) { _ in .connection(.quit) },
    ]
}

extension ArgumentValue {
    fileprivate func protocolVersion() throws(LeaseError) -> RESPVersion {
        guard let number = integer() else {
            guard !isWholeNumber else {
                throw LeaseError(.unknownProtocol, "unsupported protocol version \(quoted); say 2 or 3")
            }
            throw LeaseError(.invalidRequest, "Protocol version \(quoted) is not an integer; say 2 or 3")
        }
        guard let version = RESPVersion(rawValue: Int(number)) else {
            throw LeaseError(.unknownProtocol, "unsupported protocol version \(number); say 2 or 3")
        }
        return version
    }

    /// Whether the argument is a whole number, however long.
    private var isWholeNumber: Bool {
        let view = bytes.readableBytesView
        let digits = view.first == UInt8(ascii: "-") ? view.dropFirst() : view
        return !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// A client's name, or what else it says about itself: a label that fits into a list of `field=value` words.
    ///
    /// Printable ASCII without blanks, as in Redis: client libraries take other characters for the end of a line.
    fileprivate func clientName(_ what: String = "client name") throws(LeaseError) -> Label {
        let label = try label()
        guard label.text.utf8.allSatisfy({ $0 != 0x20 }) else {
            throw LeaseError(.invalidRequest, "the \(what) \(quoted) has blanks; leave them out")
        }
        guard label.text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw LeaseError(.invalidRequest, "the \(what) \(quoted) has characters beyond ASCII; leave them out")
        }
        return label
    }

    /// What `CLIENT SETINFO` sets.
    fileprivate func clientAttribute() throws(LeaseError) -> ClientAttribute {
        guard let attribute = ClientAttribute(rawValue: word()) else {
            throw LeaseError(.invalidRequest, "unrecognized option \(quoted); say LIB-NAME or LIB-VER")
        }
        return attribute
    }
}
