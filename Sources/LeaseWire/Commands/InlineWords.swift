/// Splits a typed line into words, with Redis's rules of quoting.
///
/// Words are separated by blanks. In `"…"` the escapes `\n \r \t \b \a \" \\ \xHH` stand for bytes, and a backslash
/// before another byte for that byte; in `'…'` only `\'` is an escape. A closing quote ends its word, so a blank or the
/// end of the line must follow.
enum InlineWords {
    /// The words of a line without its line end, or `nil` if its quotes are not balanced.
    static func split(_ line: some Collection<UInt8>) -> [[UInt8]]? {
        var rest = Rest(Array(line))
        var words: [[UInt8]] = []
        while let first = rest.peek {
            if isBlank(first) {
                rest.skip()
            } else {
                guard let word = rest.word() else { return nil }
                words.append(word)
            }
        }
        return words
    }

    /// Whether a line is the beginning of an HTTP request: its first word is `POST`, or it begins with `Host:`.
    static func isOtherProtocol(_ line: some Collection<UInt8>) -> Bool {
        let words = line.drop(while: isBlank)
        let method = words.prefix { !isBlank($0) }
        return PrintableBytes.equal(method, "post") || PrintableBytes.equal(method.prefix(5), "host:")
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    /// What is left of the line.
    private struct Rest {
        private let bytes: [UInt8]
        private var index = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
        }

        var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

        mutating func skip() {
            index += 1
        }

        mutating func next() -> UInt8? {
            guard let byte = peek else { return nil }
            skip()
            return byte
        }

        mutating func word() -> [UInt8]? {
            var word: [UInt8] = []
            while let byte = peek, !isBlank(byte) {
                skip()
                switch byte {
                case UInt8(ascii: "\""): return quoted(behind: word, byte, escape: Self.doubleQuoteEscape)
                case UInt8(ascii: "'"): return quoted(behind: word, byte, escape: Self.singleQuoteEscape)
                default: word.append(byte)
                }
            }
            return word
        }

        private mutating func quoted(
            behind start: [UInt8],
            _ quote: UInt8,
            escape: (inout Rest) -> UInt8?
        ) -> [UInt8]? {
            var word = start
            while let byte = next() {
                guard byte != quote else { return peek.map(isBlank) ?? true ? word : nil }
                guard byte == UInt8(ascii: "\\") else {
                    word.append(byte)
                    continue
                }
                guard let escaped = escape(&self) else { return nil }
                word.append(escaped)
            }
            return nil
        }

        /// The byte that an escape in `"…"` stands for; the backslash is consumed.
        private static func doubleQuoteEscape(_ rest: inout Rest) -> UInt8? {
            let start = rest.index
            guard let byte = rest.next() else { return nil }
            switch byte {
            case UInt8(ascii: "n"): return 0x0A
            case UInt8(ascii: "r"): return 0x0D
            case UInt8(ascii: "t"): return 0x09
            case UInt8(ascii: "b"): return 0x08
            case UInt8(ascii: "a"): return 0x07
            case UInt8(ascii: "x"):
                if let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) {
                    return high << 4 | low
                }
                rest.index = start
                rest.skip()
                return byte
            default: return byte
            }
        }

        /// The byte that a backslash in `'…'` stands for: itself, except before a quote.
        private static func singleQuoteEscape(_ rest: inout Rest) -> UInt8? {
            guard rest.peek == UInt8(ascii: "'") else { return UInt8(ascii: "\\") }
            return rest.next()
        }

        private static func hexValue(_ byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
    }
}
