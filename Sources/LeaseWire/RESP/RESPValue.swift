/// A reply as a value: what a client reads, and what the server builds where a tree is easier than writing frames.
///
/// It owns its bytes: it does not share the storage of a read buffer.
package indirect enum RESPValue: Hashable, Sendable {
    /// `+OK`: a short text without line ends.
    case simpleString(String)
    /// `-WORD message`, or its RESP3 form with a length.
    case error(String)
    /// `:1`.
    case integer(Int64)
    /// `$3`: any bytes.
    case bulk([UInt8])
    /// `=7`: text with a format of three letters; a bulk in RESP2.
    case verbatim(format: String, [UInt8])
    /// `_`, or a bulk of length −1 in RESP2.
    case null
    /// An array of length −1 in RESP2, and `_` in RESP3.
    case nullArray
    /// `#t`, `#f`; an integer in RESP2.
    case boolean(Bool)
    /// `,1.5`; a bulk in RESP2.
    case double(Double)
    /// `(123`: an integer of any size, in decimal; a bulk in RESP2.
    case bigNumber(String)
    /// `*2`.
    case array([RESPValue])
    /// `~2`; an array in RESP2.
    case set([RESPValue])
    /// `>2`: an event that answers no command; an array in RESP2.
    case push([RESPValue])
    /// `%2`, in the order of the wire; a flat array of names and values in RESP2.
    case map([RESPEntry])

    /// A bulk of a string's UTF-8 bytes.
    package static func text(_ text: String) -> RESPValue {
        .bulk(Array(text.utf8))
    }

    /// A map whose names are bulk strings.
    package static func fields(_ fields: [(String, RESPValue)]) -> RESPValue {
        .map(fields.map { RESPEntry(.text($0), $1) })
    }
}

/// A name and its value in a map.
package struct RESPEntry: Hashable, Sendable {
    /// The name.
    package let key: RESPValue
    /// The value.
    package let value: RESPValue

    /// Creates an entry.
    package init(_ key: RESPValue, _ value: RESPValue) {
        self.key = key
        self.value = value
    }
}
