/// A section of the daemon's report about itself, its fields in the daemon's order.
public struct InfoSection: Hashable, Sendable {
    /// A field of a section.
    public struct Field: Hashable, Sendable {
        /// The name.
        public let name: String
        /// The value, as text.
        public let value: String

        /// Creates a field.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The name, such as `Server`.
    public let name: String
    /// The fields.
    public internal(set) var fields: [Field]

    /// Creates a section.
    public init(name: String, fields: [Field]) {
        self.name = name
        self.fields = fields
    }

    /// Parses the text of `INFO`: a line `# Name` for each section, then a line `name:value` for each field.
    ///
    /// Other lines are skipped; fields before the first section belong to one without a name.
    static func parse(_ text: String) -> [InfoSection] {
        var sections: [InfoSection] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("#") {
                sections.append(InfoSection(name: String(line.dropFirst().drop { $0 == " " }), fields: []))
            } else if let colon = line.firstIndex(of: ":") {
                let field = Field(name: String(line[..<colon]), value: String(line[line.index(after: colon)...]))
                if sections.isEmpty { sections.append(InfoSection(name: "", fields: [])) }
                sections[sections.count - 1].fields.append(field)
            }
        }
        return sections
    }
}
