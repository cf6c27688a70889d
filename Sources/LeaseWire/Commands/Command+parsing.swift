package import LeaseCore
internal import NIOCore

extension Command {
    /// Parses a frame.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is not a command or does not fit the command's grammar,
    ///   ``LeaseError/Code/tooBig`` or ``LeaseError/Code/badTTL`` if a value is outside its limits,
    ///   ``LeaseError/Code/unknownProtocol`` for a `HELLO` to a version that does not exist. The connection lives on.
    package static func parse(
        _ frame: RESPFrame,
        limits: ValueLimits = ValueLimits()
    ) throws(LeaseError) -> Command {
        try frame.requireBytes()
        guard let spec = frame.withWord(0, { CommandTable.find($0) }) else {
            let name = frame.withWord(0) { PrintableBytes.text(of: $0) }
            throw LeaseError(.invalidRequest, "unknown command '\(name)'; COMMAND DOCS tells what there is")
        }
        guard !spec.subcommands.isEmpty, spec.decode == nil || frame.arguments.count > 1 else {
            return try read(frame, spec, in: nil, limits: limits)
        }
        guard frame.arguments.count > 1 else {
            throw LeaseError(
                .invalidRequest,
                "wrong number of arguments for '\(spec.name)' command: \(spec.usage())"
            )
        }
        guard let subcommand = frame.withWord(1, { spec.subcommand($0) }) else {
            let name = frame.withWord(1) { PrintableBytes.text(of: $0) }
            throw LeaseError(.invalidRequest, "unknown subcommand '\(name)': \(spec.usage())")
        }
        return try read(frame, subcommand, in: spec, limits: limits)
    }

    private static func read(
        _ frame: RESPFrame,
        _ spec: CommandSpec,
        in parent: CommandSpec?,
        limits: ValueLimits
    ) throws(LeaseError) -> Command {
        guard let decode = spec.decode else { preconditionFailure("'\(spec.name)' has no way to be read") }
        return try decode(ArgumentReader(frame, spec, in: parent, limits: limits))
    }
}

extension Command {
    /// What a subscriber may send in RESP2, where a reply cannot be told from an event.
    private static let forSubscribers: Set<String> = [
        "subscribe", "psubscribe", "unsubscribe", "punsubscribe", "ping", "reset", "quit",
    ]

    /// Why a subscriber in RESP2 may not send this, or `nil` if it may; this is checked before the arguments.
    package static func refusalToSubscriber(of frame: RESPFrame) -> LeaseError? {
        guard let spec = frame.withWord(0, { CommandTable.find($0) }), !forSubscribers.contains(spec.name) else {
            return nil
        }
        let name = frame.withWord(0) { PrintableBytes.text(of: $0.map(PrintableBytes.lowercased)) }
        return LeaseError(
            .invalidRequest,
            "Can't execute '\(name)': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )
    }
}

extension RESPFrame {
    /// Refuses a frame with a word that is over its limit, or null.
    fileprivate func requireBytes() throws(LeaseError) {
        // By index: an iterator would hand out copies.
        for index in arguments.indices {
            switch arguments[index] {
            case .bytes: break
            case .oversized(let length, let limit):
                throw LeaseError(
                    .tooBig,
                    "an argument has \(length) bytes; the most is \(limit)"
                )
            case .null:
                throw LeaseError(.invalidRequest, "an argument is null; send an empty string for no bytes")
            }
        }
    }

    /// Calls `body` with the bytes of a word that is within its limit.
    fileprivate func withWord<Value>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        guard case .bytes(let bytes) = arguments[index] else {
            return body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return bytes.withUnsafeReadableBytes(body)
    }
}
