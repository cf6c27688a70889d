// Settings of the SQLite library that are variadic functions, which Swift cannot call.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>

/// sqlite3_config(), SQLITE_CONFIG_MEMSTATUS: whether SQLite counts the memory that it has allocated, under a lock for
/// each allocation; SQLITE_MISUSE once the library is in use (sqlite.org/c3ref/c_config_covering_index_scan.html).
static inline int csqlite_count_memory(int on) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, on); }

#endif
