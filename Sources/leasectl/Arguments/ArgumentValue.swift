import ArgumentParser
import LeaseCore

/// Parses the values of arguments and options; an error names the value and the next step.
///
/// Each function throws only `ValidationError`, so that the parser shows its sentence and exits with 64.
enum ArgumentValue {
    /// A lease name: any bytes, at least one.
    @Sendable static func name(_ text: String) throws -> LeaseName {
        try refused { () throws(LeaseError) in try LeaseName(ArgumentText.bytes(text)) }
    }

    /// A duration, as in `30s`.
    @Sendable static func duration(_ text: String) throws -> Duration {
        try refused { () throws(LeaseError) in try DurationText.parse(text) }
    }

    /// How long a lease lasts, as in `30s`.
    @Sendable static func ttl(_ text: String) throws -> TTL {
        try refused { () throws(LeaseError) in try TTL(DurationText.parse(text)) }
    }

    /// A token in decimal digits.
    @Sendable static func token(_ text: String) throws -> Token {
        guard let token = Token(text) else {
            throw ValidationError("a token is an integer from \(Token.min) to \(Token.max), as acquire prints it")
        }
        return token
    }

    /// The condition of a write: `LEASE:TOKEN`, where the lease may also contain colons.
    @Sendable static func leaseGuard(_ text: String) throws -> LeaseGuard {
        guard let colon = text.lastIndex(of: ":") else {
            throw ValidationError("a condition is LEASE:TOKEN, as in \"$LEASE_NAME:$LEASE_TOKEN\"")
        }
        return LeaseGuard(
            lease: try name(String(text[..<colon])),
            token: try token(String(text[text.index(after: colon)...]))
        )
    }

    /// A position on the hash ring.
    @Sendable static func hash(_ text: String) throws -> UInt64 {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let hash = UInt64(text) else {
            throw ValidationError("a hash is an integer from 0 to \(UInt64.max)")
        }
        return hash
    }

    /// Text of a lease: an owner label or a reason.
    @Sendable static func label(_ text: String) throws -> Label {
        guard let text = ArgumentText.unicode(text) else { throw ValidationError("a label is UTF-8") }
        return try refused { () throws(LeaseError) in try Label(text) }
    }

    /// A path.
    ///
    /// The client library takes paths as strings, so one that is not UTF-8 is refused.
    @Sendable static func path(_ text: String) throws -> String {
        guard let path = ArgumentText.unicode(try file(text)), !path.isEmpty else {
            throw ValidationError("a path is not empty, and is UTF-8 here")
        }
        return path
    }

    /// A path of any bytes, as typed.
    ///
    /// A separate value that begins with a dash is refused: it is probably an option, and the path before it was
    /// forgotten or came from an empty variable.
    @Sendable static func file(_ text: String) throws -> String {
        guard !ArgumentText.isShielded(text) || !ArgumentText.bytes(text).starts(with: "-".utf8) else {
            throw ValidationError("a path that begins with a dash is written with its folder, as in ./-x")
        }
        return text
    }

    /// An exit code, 0 to 255.
    @Sendable static func exitCode(_ text: String) throws -> Int32 {
        guard let code = UInt8(text) else { throw ValidationError("an exit code is an integer from 0 to 255") }
        return Int32(code)
    }

    private static func refused<Value>(_ read: () throws(LeaseError) -> Value) throws(ValidationError) -> Value {
        do throws(LeaseError) { return try read() } catch { throw ValidationError(error.message) }
    }
}
