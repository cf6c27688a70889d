import GRDB
import GRDBSQLite
import LeaseCore
import Testing

@testable import LeaseStore

/// Large values are in nobody's way: what is looked up is found without reading what lies beside it.
@Suite struct LargeValueTests {
    private let bench: StoreBench

    init() throws {
        bench = try StoreBench()
        let value = [UInt8](repeating: 7, count: 1 << 20)
        for number in 0..<16 {
            try bench.ask(.put(Key("key \(number)"), value))
        }
        try bench.ledger.commit()
    }

    /// How many pages of the file a fresh connection reads for `body`.
    private func pagesRead(by body: (StoreReader) throws -> Void) throws -> Int32 {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: bench.folder.store, configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { database in
            try body(StoreReader(database, keyHash: .xxh64, limits: .none))
            var (pages, highest): (Int32, Int32) = (0, 0)
            sqlite3_db_status(database.sqliteConnection, SQLITE_DBSTATUS_CACHE_MISS, &pages, &highest, 0)
            return pages
        }
    }

    @Test func aKeyThatIsNotThereIsMissedWithoutReadingValues() throws {
        let pages = try pagesRead { reader in
            for key in ["a", "key 1", "key 33", "z"] {
                guard case .value = try reader.answer(to: .value(Key(key))) else { throw UnexpectedListing() }
            }
        }
        // The schema's pages, the index's, and the 257 of the one value that is there.
        #expect(pages < 300)
    }

    @Test func anExportOfKeysWithoutValuesReadsNone() throws {
        let keys = try (0..<1000).map { try Key("nothing \($0)") }
        let pages = try pagesRead { _ = try $0.answer(to: .export(keys, at: bench.clock.now())) }
        #expect(pages < 40)
    }
}
