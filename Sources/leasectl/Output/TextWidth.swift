import CLinux

/// The width of text on a terminal: an East Asian character takes two cells, a combining accent none.
enum TextWidth {
    /// A locale with the widths of all characters, whatever the locale of this process is; `nil` if the C library has
    /// none.
    ///
    /// It is made once, never changed and never freed, so every thread may use it.
    nonisolated(unsafe) private static let locale = clinux_utf8_locale()

    /// The width, in cells, of a text that does not move the cursor.
    static func cells(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        let characters = text.unicodeScalars.map(\.value)
        guard let locale else { return characters.count }
        return Int(clinux_cells(locale, characters, characters.count))
    }

    /// The text, padded with blanks to a width in cells.
    static func padded(_ text: String, to width: Int, blanksFirst: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(width - cells(text), 0))
        return blanksFirst ? blanks + text : text + blanks
    }
}
