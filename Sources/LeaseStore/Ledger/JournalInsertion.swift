import GRDB

/// The statements that write rows of the journal.
struct JournalInsertion {
    /// For whatever the others have no places for: it has one for each column.
    let any: HeldStatement
    /// For a grant without a request id.
    let grant: HeldStatement
    /// For a renewal without a request id, and with the attachment as it was.
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
