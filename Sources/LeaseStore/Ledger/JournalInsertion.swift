import GRDB

/// The statements that insert journal rows.
struct JournalInsertion {
    /// For all other rows: it has every column.
    let any: HeldStatement
    /// For a grant without a request id.
    let grant: HeldStatement
    /// For a renewal without a request id that leaves the attachment as it was.
    let renewal: HeldStatement
    let end: HeldStatement
    let all: [HeldStatement]

    init(on database: Database) throws {
        any = try HeldStatement(JournalEntry.insertion, on: database)
        grant = try HeldStatement(JournalEntry.insertionOfGrant, on: database)
        renewal = try HeldStatement(JournalEntry.insertionOfRenewal, on: database)
        end = try HeldStatement(JournalEntry.insertionOfEnd, on: database)
        all = [any, grant, renewal, end]
    }
}
