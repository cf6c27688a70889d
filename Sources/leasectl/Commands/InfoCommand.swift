import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl info`: the state of the daemon.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show the state of the daemon: version, store, leases, connections.",
        discussion: """
                leasectl info
                leasectl info --json
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let sections = try connection.ask { client throws(LeaseClientError) in try await client.info() }
        if output.json {
            try output.showObject(
                sections.map { section in
                    .init(section.name, .object(section.fields.map { .init($0.name, Self.json($0.value)) }))
                }
            )
            return
        }
        let style = TextStyle.standardOutput()
        for (index, section) in sections.enumerated() {
            if index > 0 { try Console.writeLine("") }
            try Console.writeLine(style.heading(PrintableText.text(section.name)))
            let fields = section.fields.map {
                (name: PrintableText.text($0.name), value: PrintableText.text($0.value))
            }
            let width = fields.map { TextWidth.cells($0.name) }.max() ?? 0
            for field in fields {
                try Console.writeLine("  \(TextWidth.padded(field.name, to: width))  \(field.value)")
            }
        }
    }

    /// An integer as a number, so that programs can compare it; everything else as text.
    static func json(_ value: String) -> JSONText {
        guard let number = Int64(value), "\(number)" == value else { return .string(value) }
        return .integer(number)
    }
}
