import LeaseCore

/// Bytes as printable text.
enum PrintableText {
    /// Printable UTF-8 as it is, a backslash doubled, every other byte as `\xHH`.
    ///
    /// The result cannot move the cursor, hide text or change its direction, and the bytes can be recovered from it.
    static func text(_ bytes: [UInt8]) -> String {
        text(bytes, isPlain: isPlain)
    }

    /// A label, or a word from the daemon: as ``text(_:)-([UInt8])``.
    static func text(_ text: String) -> String {
        Self.text(Array(text.utf8))
    }

    /// A sentence that may already contain escaped bytes: as ``text(_:)-([UInt8])``, but backslashes stay single.
    static func sentence(_ sentence: String) -> String {
        text(Array(sentence.utf8)) { $0 == "\\" || isPlain($0) }
    }

    private static func text(_ bytes: [UInt8], isPlain: (Unicode.Scalar) -> Bool) -> String {
        var text = ""
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var index = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                if isPlain(scalar) {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += EscapedBytes.text(encoded)
                }
                index += encoded.count
            case .error(let length):
                text += EscapedBytes.text(bytes[index..<(index + length)])
                index += length
            case .emptyInput:
                return text
            }
        }
    }

    /// Whether the character is visible by itself, does not control a terminal, and begins no escape.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: scalar != "\\"
        }
    }
}
