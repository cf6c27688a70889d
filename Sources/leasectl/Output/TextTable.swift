/// Aligned columns with a header, for people, by the width of each text on a terminal (``TextWidth``).
///
/// A list of any length is printed in pieces as it arrives: ``takeLines(style:)`` returns the rows so far. Columns only
/// ever widen, so that the pieces stay as aligned as possible.
struct TextTable {
    /// The side of the column to which its texts are aligned.
    enum Alignment: Hashable, Sendable {
        case left, right
    }

    private let header: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []
    private var widths: [Int]
    private var isBegun = false

    init(_ columns: [(title: String, alignment: Alignment)]) {
        header = columns.map(\.title)
        alignments = columns.map(\.alignment)
        widths = header.map(TextWidth.cells)
    }

    /// The number of rows that were not taken yet.
    var rowCount: Int { rows.count }

    /// Adds a row, with one text for each column.
    mutating func add(_ row: [String]) {
        rows.append(row)
        for (column, cell) in row.enumerated() { widths[column] = max(widths[column], TextWidth.cells(cell)) }
    }

    /// The lines, the header first, without trailing blanks.
    func lines(style: TextStyle) -> [String] {
        [style.heading(line(header))] + rows.map(line)
    }

    /// The lines of the rows added since the last call, with the header before the very first of them.
    mutating func takeLines(style: TextStyle) -> [String] {
        guard !rows.isEmpty else { return [] }
        defer {
            rows.removeAll(keepingCapacity: true)
            isBegun = true
        }
        return isBegun ? rows.map(line) : lines(style: style)
    }

    private func line(_ cells: [String]) -> String {
        let padded = cells.enumerated().map { column, cell in
            TextWidth.padded(cell, to: widths[column], blanksFirst: alignments[column] == .right)
        }
        var text = padded.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        return text
    }
}
