import CLinux

/// How wide text is on a terminal: a character of East Asia takes two cells, an accent on its own none.
enum TextWidth {
    /// Where the C library has the widths of all characters, whatever the locale of this process is; `nil` if it has not.
    ///
    /// It is made once, never changed and never freed, so that every thread may use it.
    nonisolated(unsafe) private static let locale = clinux_utf8_locale()

    /// The cells of a text that has nothing in it that moves the cursor.
    static func cells(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        let characters = text.unicodeScalars.map(\.value)
        guard let locale else { return characters.count }
        return Int(clinux_cells(locale, characters, characters.count))
    }

    /// The text, and blanks up to so many cells.
    static func padded(_ text: String, to width: Int, blanksFirst: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(width - cells(text), 0))
        return blanksFirst ? blanks + text : text + blanks
    }
}
