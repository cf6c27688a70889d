import GRDB
import GRDBSQLite
import LeaseCore
import Testing

@testable import LeaseStore

/// Large values do not slow down searches: a key is found without reading the values beside it.
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
        // The pages of the schema and the index, and the 257 of the one value that is there.
        #expect(pages < 300)
    }

    @Test func aLargeValueThatIsMissingIsDamageAndNoEmptyValue() throws {
        try bench.ledger.file.pool.write { try $0.execute(sql: "DELETE FROM large_values") }
        #expect(throws: (any Error).self) { try bench.ask(.get(Key("key 1"))) }
        #expect(throws: MalformedRow.self) {
            try bench.read { try $0.answer(to: .export([Key("key 1")], at: bench.clock.now())) }
        }
    }

    @Test func aDamagedRowRefusesNobodyElseOfItsTurn() throws {
        try bench.ledger.file.pool.write { try $0.execute(sql: "DELETE FROM large_values") }
        try bench.ask(.put(Key("other"), [1]))
        #expect(bench.refusal(.get(try Key("key 1"))) == .ioError)
        try bench.ask(.append(Key("other"), child: Key("child")))
        try bench.ledger.commit()
        #expect(try bench.ask(.get(Key("other"))) == .value([1]))
        #expect(try bench.ask(.contains(Key("other"), child: Key("child"))) == .flag(true))
    }

    @Test func whatTakesThePlaceOfALargeValueLeavesNothingOfIt() throws {
        func largeValues() throws -> Int? {
            try bench.ledger.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM large_values") }
        }
        let edge = [UInt8](repeating: 1, count: StoreTables.longestBeside)
        try bench.ask(.put(Key("key 0"), edge))
        try bench.ask(.put(Key("key 1"), edge + [1]))
        try bench.ask(.delete(Key("key 2")))
        try bench.ask(.removeKeys([Key("key 3")]))
        try bench.ledger.commit()
        #expect(try bench.ask(.get(Key("key 0"))) == .value(edge))
        #expect(try bench.ask(.get(Key("key 1"))) == .value(edge + [1]))
        #expect(try largeValues() == 13)
    }

    @Test func anExportOfKeysWithoutValuesReadsNone() throws {
        let keys = try (0..<1000).map { try Key("nothing \($0)") }
        let pages = try pagesRead { _ = try $0.answer(to: .export(keys, at: bench.clock.now())) }
        #expect(pages < 40)
    }
}
