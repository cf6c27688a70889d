import ArgumentParser
import LeaseCore

/// How keys, values and children are written, on the command line and on stdout.
struct BytesOptions: ParsableArguments {
    @Flag(help: "Read and print keys, values and children as hexadecimal digits.")
    var hex = false

    /// The message about bytes that should be hexadecimal digits and are not.
    static let isNoHexadecimal = "with --hex, keys, values and children are pairs of digits from 0 to f"

    /// The bytes that an argument represents.
    ///
    /// - Throws: a `ValidationError` if it should be hexadecimal and is not.
    func bytes(_ argument: String) throws -> [UInt8] {
        try decode(ArgumentText.bytes(argument))
    }

    /// Decodes bytes that were read: hexadecimal digits with `--hex`, otherwise unchanged.
    func decode(_ bytes: [UInt8]) throws -> [UInt8] {
        guard hex else { return bytes }
        guard let decoded = Hexadecimal.bytes(bytes) else {
            throw ValidationError(Self.isNoHexadecimal)
        }
        return decoded
    }

    /// The key, or the child, that an argument represents.
    func key(_ argument: String) throws -> Key {
        let bytes = try bytes(argument)
        do throws(LeaseError) { return try Key(bytes) } catch { throw ValidationError(error.message) }
    }

    /// The bytes as printable text, with `\xHH` for what is not printable.
    func text(_ bytes: [UInt8]) -> String {
        hex ? Hexadecimal.text(bytes) : PrintableText.text(bytes)
    }

    /// The members of a JSON object that show bytes.
    func json(_ name: String, _ bytes: [UInt8]) -> [JSONText.Member] {
        hex ? [.init(name, .string(Hexadecimal.text(bytes)))] : JSONText.bytes(name, bytes)
    }
}

/// A key, as an argument.
struct KeyArguments: ParsableArguments {
    @OptionGroup var format: BytesOptions

    @Argument(help: "The key.")
    var key: String

    func validate() throws {
        _ = try decodedKey
    }

    var decodedKey: Key { get throws { try format.key(key) } }
}

/// A key and one of its children, as arguments.
struct ChildArguments: ParsableArguments {
    @OptionGroup var parent: KeyArguments

    @Argument(help: "The child.")
    var child: String

    func validate() throws {
        _ = try decodedChild
    }

    var decodedChild: Key { get throws { try parent.format.key(child) } }

    /// The members of a JSON object that name both.
    func json() throws -> [JSONText.Member] {
        try parent.format.json("key", parent.decodedKey.bytes) + parent.format.json("child", decodedChild.bytes)
    }
}

/// The condition of a write.
struct ConditionOptions: ParsableArguments {
    @Option(
        name: .customLong("if"),
        help: ArgumentHelp(
            "Write only if this lease is held with this token, its newest or its fence; otherwise exit 76.",
            discussion: "Checked in the write's transaction. The lease name is never hexadecimal, even with --hex.",
            valueName: "lease:token"
        ),
        transform: ArgumentValue.leaseGuard
    )
    var condition: LeaseGuard?
}
