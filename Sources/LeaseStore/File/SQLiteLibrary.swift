internal import CSQLite

/// The SQLite library of the process.
package enum SQLiteLibrary {
    /// Makes SQLite stop counting its memory, which costs a lock for each allocation and which nobody asks for.
    ///
    /// For a program that is its process's only user of SQLite, before the first use: later it has no effect. A library
    /// must not call it.
    package static func leaveMemoryUncounted() {
        _ = csqlite_count_memory(0)
    }
}
