import LeaseCore

/// Bytes of unknown origin, compared with words and shown in sentences.
package enum PrintableBytes {
    /// The bytes for people: printable ASCII as it is, every other byte as `\xHH`, cut after `limit` bytes.
    package static func text(of bytes: some Collection<UInt8>, limit: Int = 64) -> String {
        let text = EscapedBytes.text(bytes.prefix(limit))
        return bytes.count > limit ? text + "..." : text
    }

    /// Whether the bytes are `word`, ignoring the case of ASCII letters.
    package static func equal(_ bytes: some Collection<UInt8>, _ word: String) -> Bool {
        guard bytes.count == word.utf8.count else { return false }
        return bytes.elementsEqual(word.utf8) { lowercased($0) == lowercased($1) }
    }

    /// The byte in lower case, if it is an ASCII letter.
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
}
