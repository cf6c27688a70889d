/// Makes text safe to stand in a line of the log.
///
/// Names, labels and error texts come from strangers. Whatever they hold, a line stays one line and shows what it is
/// about: control characters, line and paragraph separators, and the invisible ones that turn the direction of writing
/// are written out as escapes.
enum LogText {
    /// The text with all that a terminal or a reader could be tricked with escaped; blanks and quotes stay.
    static func escaped(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars { append(scalar, to: &result) }
        return result
    }

    /// A key or value: bare if it is plain, else in double quotes, with `\"` and `\\` inside.
    static func token(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { !isUnsafe($0) && !" \"=\\\u{A0}".unicodeScalars.contains($0) }
        if isPlain { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result += "\\" }
            append(scalar, to: &result)
        }
        return result + "\""
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        guard isUnsafe(scalar) else {
            result.unicodeScalars.append(scalar)
            return
        }
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        default: result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: true
        default: false
        }
    }
}
