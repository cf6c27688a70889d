/// Aligned columns with a header, for people, by what each text takes on a terminal (``TextWidth``).
///
/// A list of any length is printed in pieces as it comes: ``takeLines(style:)`` gives the rows so far. A column only ever
/// widens, so that the pieces stand below each other as well as they can.
struct TextTable {
    /// Which side of its column a text stands on.
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

    /// How many rows there are that were not taken.
    var rowCount: Int { rows.count }

    /// Adds a row, a text for each column.
    mutating func add(_ row: [String]) {
        rows.append(row)
        for (column, cell) in row.enumerated() { widths[column] = max(widths[column], TextWidth.cells(cell)) }
    }

    /// The lines, the header first, without blanks at their ends.
    func lines(style: TextStyle) -> [String] {
        [style.heading(line(header))] + rows.map(line)
    }

    /// The lines of the rows that were added since the last time, the header before the first of them.
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
