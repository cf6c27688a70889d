import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// A row reads back as it was written, whichever statement wrote it, and whatever row preceded it.
@Suite struct JournalEntryTests {
    private static let at = WallInstant(microseconds: 1_700_000_000_000_000)
    private static let moment = Moment(boot: BootInstant(nanoseconds: 5_000_000_000), wall: at)
    private static let (fence, token) = (Token(rawValue: 1000)!, Token(rawValue: 1001)!)

    private static func contents() throws -> [JournalEntry.Content] {
        let name = try LeaseName("a")
        let request = try (
            acquire: RequestRecord(id: RequestID("an-acquires-request".utf8), verb: .acquire, uid: 5, replaced: nil),
            renew: RequestRecord(id: RequestID("a-renewals-request".utf8), verb: .renew, uid: 6, replaced: fence)
        )
        let owners = try [Label.empty, Label("an owner whose label is longer than a word")]
        var events: [TenureEvent] = [.overdue]
        for attachment in Attachment.allCases {
            events.append(.attached(attachment))
            for request in [nil, request.acquire] {
                for owner in owners {
                    let tenure = try tenure(owner, request, attachment)
                    events += [.granted(tenure), .imported(tenure)]
                }
            }
            for (request, kept) in [(nil, nil), (nil, attachment), (request.renew, nil), (request.renew, attachment)] {
                events.append(
                    .renewed(
                        try Renewal(
                            token: token,
                            ttl: TTL(.seconds(7)),
                            deadline: moment,
                            request: request,
                            attachment: kept
                        )
                    )
                )
            }
        }
        for reason in owners {
            events += [
                .revoking(Revocation(end: moment, reason: reason)),
                .revoking(Revocation(end: moment, reason: reason, revoker: 7)),
                .ended(TenureEnd(.revoked, reason: reason)),
                .ended(TenureEnd(.released)),
            ]
        }
        for flag in [false, true] {
            events += [
                .resumed(Resumption(deadline: moment, revocationEnd: nil, isExtension: flag, isDetached: !flag)),
                .resumed(Resumption(deadline: moment, revocationEnd: moment, isExtension: flag, isDetached: flag)),
            ]
        }
        return [.token(token)] + events.map { .lease(name, fence: fence, $0) }
    }

    private static func tenure(_ owner: Label, _ request: RequestRecord?, _ attachment: Attachment) throws -> Tenure {
        try Tenure(
            fence: fence,
            token: fence,
            holder: Holder(uid: 1, gid: 2, pid: 3, owner: owner),
            ttl: TTL(.seconds(9)),
            deadline: moment,
            acquiredAt: at,
            renewals: 0,
            request: request,
            revocation: nil,
            isExtended: false,
            attachment: attachment
        )
    }

    @Test func eachIsReadAsItWasWritten() throws {
        let folder = try StoreFolder()
        let file = try StoreFile(path: folder.store, keyHash: .xxh64, walFrames: 4000)
        let statements = try file.pool.writeWithoutTransaction { try Statements(on: $0, keyHash: .xxh64) }
        defer {
            file.pool.writeWithoutTransaction { _ in statements.finalize() }
            try? file.close()
        }
        let contents = try Self.contents()
        // Each after each: the values that a statement was last run with must not show in its next row.
        let pairs = contents.flatMap { first in contents.flatMap { [first, $0] } }
        let entries = pairs.enumerated().map {
            JournalEntry(sequence: Int64($0.offset) + 1, at: Self.at, content: $0.element)
        }
        try file.write { _ throws(CommitFailure) in
            try statements.transaction {
                for entry in entries { try entry.insert(with: statements.insertEntry) }
            }
        }
        var read: [JournalEntry?] = []
        try file.pool.writeWithoutTransaction { _ in
            try statements.selectEntries.forEach(.integer(0 as Int64), .integer(Int64.max)) {
                read.append(JournalEntry($0))
            }
        }
        #expect(read.count == entries.count)
        #expect(zip(read, entries).allSatisfy { $0 == $1 })
    }
}
