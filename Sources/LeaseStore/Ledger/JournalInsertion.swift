/// The statements that insert journal rows.
struct JournalInsertion {
    /// For all other rows: it has every column.
    let any: HeldStatement
    /// For a grant without a request id.
    let grant: HeldStatement
    /// For a renewal without a request id that leaves the attachment as it was.
    let renewal: HeldStatement
    let end: HeldStatement

    init(_ held: HeldStatements) throws {
        any = try held.prepare(JournalEntry.insertion)
        grant = try held.prepare(JournalEntry.insertionOfGrant)
        renewal = try held.prepare(JournalEntry.insertionOfRenewal)
        end = try held.prepare(JournalEntry.insertionOfEnd)
    }
}
