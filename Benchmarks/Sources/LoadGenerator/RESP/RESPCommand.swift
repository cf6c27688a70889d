/// Writes commands, whole or in parts that are made ready once.
package enum RESPCommand {
    package static func bytes(_ words: [String]) -> [UInt8] {
        Array("*\(words.count)\r\n".utf8) + words.flatMap(word)
    }

    /// The beginning of a command, up to where the bytes of a word of that length come.
    static func head(_ words: [String], of count: Int, thenWordOf length: Int) -> [UInt8] {
        Array("*\(count)\r\n".utf8) + words.flatMap(word) + Array("$\(length)\r\n".utf8)
    }

    /// Between two words of which the second has that length.
    static func between(thenWordOf length: Int) -> [UInt8] {
        Array("\r\n$\(length)\r\n".utf8)
    }

    /// From the end of a word that is not whole yet to that of the command.
    static func tail(_ words: [String]) -> [UInt8] {
        Array("\r\n".utf8) + words.flatMap(word)
    }

    private static func word(_ text: String) -> [UInt8] {
        Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8)
    }
}
