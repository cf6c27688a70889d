internal import LeaseCore
internal import NIOCore

/// One value of a command as bytes, and what it can be read as.
///
/// Each reading checks the limits (`docs/PROTOCOL.md`, section 2) and names the value if it refuses.
struct ArgumentValue {
    let bytes: ByteBuffer
    let limits: ValueLimits

    /// The value in a sentence: printable, and not too long.
    var quoted: String {
        "'\(PrintableBytes.text(of: bytes.readableBytesView))'"
    }

    /// A lease name.
    ///
    /// - Parameter isNew: whether the command may create the name. An existing name can be named, renewed and ended
    ///   even if the limit has become lower since.
    func leaseName(isNew: Bool = false) throws(LeaseError) -> LeaseName {
        try requireNameLength("lease name", isNew: isNew)
        return try LeaseName(Array(buffer: bytes))
    }

    /// The beginning of lease names or keys; may be empty.
    func namePrefix() throws(LeaseError) -> [UInt8] {
        try requireNameLength("prefix", isNew: false)
        return Array(buffer: bytes)
    }

    /// A key of the store; `what` is its name in error messages.
    ///
    /// - Parameter isNew: whether the command may create the key.
    func key(_ what: String = "key", isNew: Bool = false) throws(LeaseError) -> Key {
        try requireNameLength(what, isNew: isNew)
        guard bytes.readableBytes > 0 else {
            throw LeaseError(.invalidRequest, "a \(what) has at least one byte, and this one is empty; name one")
        }
        return try Key(Array(buffer: bytes))
    }

    private func requireNameLength(_ what: String, isNew: Bool) throws(LeaseError) {
        let most = isNew ? limits.name : LeaseName.maximumLength
        guard bytes.readableBytes <= most else {
            throw LeaseError(.tooBig, "the \(what) has \(bytes.readableBytes) bytes; the most is \(most)")
        }
    }

    /// A simple value; may be empty.
    func simpleValue() throws(LeaseError) -> ByteBuffer {
        guard bytes.readableBytes <= limits.value else {
            throw LeaseError(.tooBig, "the value has \(bytes.readableBytes) bytes; the most is \(limits.value)")
        }
        return bytes
    }

    /// A key's place on the ring of hashes.
    func hash() throws(LeaseError) -> UInt64 {
        guard let hash = number(UInt64.self) else {
            throw LeaseError(.invalidRequest, "\(quoted) is not a hash; a hash is an integer from 0 to \(UInt64.max)")
        }
        return hash
    }

    func token() throws(LeaseError) -> Token {
        guard let value = integer(), let token = Token(rawValue: value) else {
            throw LeaseError(
                .invalidRequest,
                "\(quoted) is not a token; a token is a decimal integer from \(Token.min) to \(Token.max)"
            )
        }
        return token
    }

    /// A duration with its unit.
    func duration() throws(LeaseError) -> Duration {
        let milliseconds = bytes.withUnsafeReadableBytes { DurationText.milliseconds(of: $0) }
        if let milliseconds { return .milliseconds(milliseconds) }
        // It is malformed: the error says why.
        return try DurationText.parse(String(buffer: bytes))
    }

    func waitLimit() throws(LeaseError) -> WaitLimit {
        if PrintableBytes.equal(bytes.readableBytesView, "FOREVER") { return .forever }
        guard let duration = try? duration() else {
            throw LeaseError(
                .invalidRequest,
                "\(quoted) is no time to wait; write a duration with its unit, as in 500ms or 1m30s, or FOREVER"
            )
        }
        return .upTo(duration)
    }

    /// A duration within the bounds of a TTL.
    func ttl() throws(LeaseError) -> TTL {
        let ttl = try? TTL(duration())
        guard let ttl, ttl <= limits.ttl else {
            // Malformed and out of bounds are different errors.
            _ = try duration()
            throw LeaseError(.badTTL, "a TTL of \(quoted) is not between \(TTL.min) and \(limits.ttl); choose another")
        }
        return ttl
    }

    /// An owner label, a reason or a client's name.
    func label() throws(LeaseError) -> Label {
        guard bytes.readableBytes <= limits.label else {
            throw LeaseError(.tooBig, "the label has \(bytes.readableBytes) bytes; the most is \(limits.label)")
        }
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw LeaseError(.invalidRequest, "the label \(quoted) is not UTF-8")
        }
        return try Label(text)
    }

    /// The id of an attempt.
    func requestID() throws(LeaseError) -> RequestID {
        try RequestID(bytes.readableBytesView)
    }

    /// How many elements a list may have.
    func count() throws(LeaseError) -> Int {
        guard let value = integer(), value >= 1 else {
            throw LeaseError(.invalidRequest, "\(quoted) is not a count; a count is an integer from 1 to \(Int64.max)")
        }
        return Int(value)
    }

    /// Decimal digits as a number, or `nil` if they are not digits or do not fit.
    func integer() -> Int64? {
        number(Int64.self)
    }

    /// Decimal digits as a number of a type, or `nil` if they are not digits or do not fit.
    func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        guard bytes.readableBytes > 0 else { return nil }
        return bytes.withUnsafeReadableBytes { bytes in
            var value: Number = 0
            for byte in bytes {
                guard (0x30...0x39).contains(byte) else { return nil }
                let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflowSum) = shifted.addingReportingOverflow(Number(byte - 0x30))
                guard !overflow, !overflowSum else { return nil }
                value = sum
            }
            return value
        }
    }

    /// A word of the protocol in lower case, such as a section's name; other bytes are made printable.
    func word() -> String {
        PrintableBytes.text(of: bytes.readableBytesView.map(PrintableBytes.lowercased))
    }
}
