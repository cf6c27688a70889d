package import LeaseCore
internal import NIOCore

extension Command {
    /// Understands a frame.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is no command or does not fit the command's grammar,
    ///   ``LeaseError/Code/tooBig`` or ``LeaseError/Code/badTTL`` if a value is outside its limits,
    ///   ``LeaseError/Code/unknownProtocol`` for a `HELLO` to a version that does not exist. The connection lives on.
    package static func parse(
        _ frame: RESPFrame,
        limits: ValueLimits = ValueLimits()
    ) throws(LeaseError) -> Command {
        for case .oversized(let length) in frame.arguments {
            throw LeaseError(.tooBig, "an argument has \(length) bytes, which is over the limit; send a shorter one")
        }
        let word = frame.word(0)
        guard let spec = CommandTable.find(word) else {
            let name = PrintableBytes.text(of: word)
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
        guard let subcommand = spec.subcommand(frame.word(1)) else {
            let name = PrintableBytes.text(of: frame.word(1))
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

extension RESPFrame {
    /// The bytes of a word that is within its limit.
    fileprivate func word(_ index: Int) -> ByteBufferView {
        guard case .bytes(let bytes) = arguments[index] else { return ByteBufferView() }
        return bytes.readableBytesView
    }
}
