import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl info`: how the daemon is.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show how the daemon is: version, store, leases, connections.",
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
                    .init(section.name, .object(section.fields.map { .init($0.name, .string($0.value)) }))
                }
            )
            return
        }
        let style = TextStyle.standardOutput()
        for (index, section) in sections.enumerated() {
            if index > 0 { try Console.writeLine("") }
            try Console.writeLine(style.heading(section.name))
            let width = section.fields.map(\.name.count).max() ?? 0
            for field in section.fields {
                let blanks = String(repeating: " ", count: width - field.name.count)
                try Console.writeLine("  \(field.name)\(blanks)  \(field.value)")
            }
        }
    }
}
