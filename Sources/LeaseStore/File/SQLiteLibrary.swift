internal import CSQLite

/// The SQLite library of the process.
package enum SQLiteLibrary {
    /// Has SQLite keep no count of its memory, which costs a lock for each allocation and nobody asks for.
    ///
    /// For a program that is its process's only user of SQLite, before its first use: later it changes nothing. It is not
    /// for a library to do.
    package static func leaveMemoryUncounted() {
        _ = csqlite_count_memory(0)
    }
}
