import GRDB

/// The tables of a store, and its migrations.
///
/// `lease_journal` is the promise: one row for each thing that happened, in order. `leases` and `key_trackers` are what
/// the journal's rows up to `meta.folded_through` amount to. `simple_entries`, with `large_values`, and
/// `prefix_entries` are written at once, in the transaction of their batch, together with their bits in
/// `key_trackers.kinds`. Wall clock columns are microseconds since 1970 (`…_us`), boot clock columns nanoseconds on
/// CLOCK_BOOTTIME (`…_ns`) of the boot that `meta.boot_identity` names.
enum Schema {
    /// `PRAGMA application_id`, by which file(1) and this library recognise a store: "LSED".
    static let applicationID: Int32 = 0x4C53_4544

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 leases") { database in
            try database.execute(sql: "PRAGMA application_id = \(applicationID)")
            try database.execute(sql: createLeases)
        }
        migrator.registerMigration("2 store") { database in
            try database.execute(sql: createStore)
        }
        migrator.registerMigration("3 attachments") { database in
            try database.execute(sql: addAttachments)
        }
        migrator.registerMigration("4 revokers") { database in
            try database.execute(sql: "ALTER TABLE leases ADD COLUMN revoker INTEGER")
        }
        migrator.registerMigration("5 large values") { database in
            try database.execute(sql: addLargeValues)
        }
        return migrator
    }

    private static let createLeases = """
        CREATE TABLE meta (
            name  TEXT NOT NULL PRIMARY KEY,
            value ANY NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE lease_journal (
            seq            INTEGER NOT NULL PRIMARY KEY,
            event          INTEGER NOT NULL,
            at_us          INTEGER NOT NULL,
            name           BLOB,
            slot           INTEGER,
            fence          INTEGER,
            token          INTEGER,
            uid            INTEGER,
            gid            INTEGER,
            pid            INTEGER,
            owner          TEXT,
            ttl_ms         INTEGER,
            deadline_ns    INTEGER,
            deadline_us    INTEGER,
            request_id     BLOB,
            request_uid    INTEGER,
            replaced_token INTEGER,
            revocation_ns  INTEGER,
            revocation_us  INTEGER,
            reason         TEXT,
            detail         INTEGER
        ) STRICT;

        CREATE TABLE leases (
            name           BLOB NOT NULL,
            slot           INTEGER NOT NULL,
            fence          INTEGER NOT NULL,
            token          INTEGER NOT NULL,
            uid            INTEGER NOT NULL,
            gid            INTEGER NOT NULL,
            pid            INTEGER NOT NULL,
            owner          TEXT NOT NULL,
            ttl_ms         INTEGER NOT NULL,
            deadline_ns    INTEGER NOT NULL,
            deadline_us    INTEGER NOT NULL,
            acquired_us    INTEGER NOT NULL,
            renewals       INTEGER NOT NULL,
            is_extended    INTEGER NOT NULL,
            request_verb   INTEGER,
            request_id     BLOB,
            request_uid    INTEGER,
            replaced_token INTEGER,
            revocation_ns  INTEGER,
            revocation_us  INTEGER,
            reason         TEXT,
            PRIMARY KEY (name, slot)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE key_trackers (
            key   BLOB NOT NULL PRIMARY KEY,
            hash  INTEGER NOT NULL,
            kinds INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX key_trackers_by_hash ON key_trackers (hash, key);
        """

    private static let addAttachments = """
        ALTER TABLE leases ADD COLUMN attachment INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE leases ADD COLUMN is_overdue INTEGER NOT NULL DEFAULT 0;
        """

    /// Moves large values away from their keys.
    ///
    /// In a table without row ids, a search reads each key that it passes with everything beside it, so a few large
    /// values would make every key slow to find (sqlite.org/withoutrowid.html). Large values of an older file stay in
    /// place until they are written again.
    private static let addLargeValues = """
        CREATE TABLE large_values (
            id    INTEGER NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
        ) STRICT;

        ALTER TABLE simple_entries ADD COLUMN large INTEGER;

        CREATE TRIGGER large_value_is_replaced AFTER UPDATE ON simple_entries WHEN old.large IS NOT NULL
        BEGIN DELETE FROM large_values WHERE id = old.large; END;

        CREATE TRIGGER large_value_is_removed AFTER DELETE ON simple_entries WHEN old.large IS NOT NULL
        BEGIN DELETE FROM large_values WHERE id = old.large; END;
        """

    private static let createStore = """
        CREATE TABLE simple_entries (
            key   BLOB NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE prefix_entries (
            prefix BLOB NOT NULL,
            child  BLOB NOT NULL,
            PRIMARY KEY (prefix, child)
        ) STRICT, WITHOUT ROWID;
        """
}
