import Foundation
import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// A store of a release that kept each value beside its key, opened by this one.
@Suite struct ValueMigrationTests {
    private let folder: StoreFolder
    private let values: [(key: [UInt8], value: [UInt8])] = [
        ([0], []), ([0x61], [UInt8](repeating: 1, count: 1 << 20)), ([0x61, 0x62], [0xFF, 0]), ([0xFF], [0x63]),
    ]

    init() throws {
        folder = try StoreFolder()
        let queue = try DatabaseQueue(path: folder.store)
        defer { try? queue.close() }
        try Schema.migrator.migrate(queue, upTo: "4 revokers")
        try queue.write { [values] database in
            for (key, value) in values {
                try database.execute(
                    sql: "INSERT INTO simple_entries (key, value) VALUES (?, ?)",
                    arguments: [Data(key), Data(value)]
                )
                try database.execute(
                    sql: "INSERT INTO key_trackers (key, hash, kinds) VALUES (?, ?, ?)",
                    arguments: [
                        Data(key), KeyHash.stored(KeyHash.xxh64.function(key)), KeyKinds([.simple]).rawValue,
                    ]
                )
            }
        }
    }

    @Test func itsValuesAreThereAndCanBeChanged() throws {
        do {
            let bench = try StoreBench(in: folder)
            for (key, value) in values {
                #expect(try bench.ask(.get(Key(key))) == .value(value))
            }
            try bench.ask(.put(Key(values[1].key), [2]))
            try bench.ask(.delete(Key(values[2].key)))
            try bench.ask(.put(Key("new"), [3]))
            try bench.settle()
        }
        let again = try StoreBench(in: folder)
        #expect(try again.ask(.get(Key(values[1].key))) == .value([2]))
        #expect(try again.ask(.get(Key(values[2].key))) == .value(nil))
        #expect(try again.ask(.get(Key("new"))) == .value([3]))
    }
}
