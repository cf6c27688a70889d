/// Bytes for people and logs.
package enum EscapedBytes {
    /// Printable ASCII as it is, a backslash doubled, every other byte as `\xHH`: nothing can harm a terminal.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            switch byte {
            case 0x5C: text += "\\\\"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += (byte < 0x10 ? "\\x0" : "\\x") + String(byte, radix: 16)
            }
        }
        return text
    }
}
