/// Writes commands, whole or in parts that are prepared once.
package enum RESPCommand {
    package static func bytes(_ words: [String]) -> [UInt8] {
        Array("*\(words.count)\r\n".utf8) + words.flatMap(word)
    }

    /// The beginning of a command, up to the bytes of a word of this length.
    static func head(_ words: [String], of count: Int, thenWordOf length: Int) -> [UInt8] {
        Array("*\(count)\r\n".utf8) + words.flatMap(word) + Array("$\(length)\r\n".utf8)
    }

    /// The bytes between two words, of which the second has this length.
    static func between(thenWordOf length: Int) -> [UInt8] {
        Array("\r\n$\(length)\r\n".utf8)
    }

    /// From the end of an unfinished word to the end of the command.
    static func tail(_ words: [String]) -> [UInt8] {
        Array("\r\n".utf8) + words.flatMap(word)
    }

    private static func word(_ text: String) -> [UInt8] {
        Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8)
    }
}
