/// Aligned columns with a header, for people.
struct TextTable {
    /// Which side of its column a text stands on.
    enum Alignment: Hashable, Sendable {
        case left, right
    }

    private let header: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        header = columns.map(\.title)
        alignments = columns.map(\.alignment)
    }

    /// Adds a row, a text for each column.
    mutating func add(_ row: [String]) {
        rows.append(row)
    }

    /// The lines, the header first, without blanks at their ends.
    func lines(style: TextStyle) -> [String] {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                return alignments[column] == .left ? cell + blanks : blanks + cell
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        return [style.heading(line(header))] + rows.map(line)
    }
}
