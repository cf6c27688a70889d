"""Two stores that refuse stale writers: a file, and a table of SQLite. They know nothing of leases, only of fences.

A store keeps the greatest fence that it has seen, and refuses every smaller one. It must compare and write in one step:
a writer that compares first and writes afterwards may be stopped in between, and wake up late.
"""

import contextlib
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path


class StaleFenceError(Exception):
    """A writer with a greater fence has been here. Nothing was written, and nothing will be: stop."""

    def __init__(self, fence: int, greatest: int) -> None:
        super().__init__(f"fence {fence} is stale, {greatest} has been here")


class FencedFile:
    """A file that is replaced as a whole. Beside it are `FILE.fence`, the greatest fence, and `FILE.lock`.

    Readers need no lock: they see either the old content or the new one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._fence = self.path.with_name(self.path.name + ".fence")
        self._lock = self.path.with_name(self.path.name + ".lock")

    def claim(self, fence: int) -> None:
        """Refuses all smaller fences from now on. A writer whose text depends on the old content must claim before it
        reads; otherwise an earlier holder may write in between.
        """
        with self._locked(fence):
            pass

    def write(self, content: bytes, fence: int) -> None:
        with self._locked(fence):
            _replace(self.path, content)

    @contextlib.contextmanager
    def _locked(self, fence: int) -> Iterator[None]:
        # The lock belongs to its file: if that were replaced, as the others are, it would lock nobody out.
        with self._lock.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            greatest = int(self._fence.read_bytes()) if self._fence.exists() else 0
            if fence < greatest:
                raise StaleFenceError(fence, greatest)
            if fence > greatest:
                # The fence before the content: after a crash in between, the old content is there, and better guarded.
                _replace(self._fence, b"%d" % fence)
            yield


def _replace(path: Path, content: bytes) -> None:
    """Replaces a file so that after a power loss either the old or the new one is there."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class FencedTable:
    """Texts by name in SQLite. The fence belongs to the lease and not to a row, so it also guards rows that the newest
    writer has not touched.
    """

    def __init__(self, path: str | Path, lease: str) -> None:
        self._lease = lease
        self._database = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._database.execute("CREATE TABLE IF NOT EXISTS fences (lease TEXT PRIMARY KEY, fence BIGINT NOT NULL)")
        self._database.execute("CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, text TEXT NOT NULL)")
        self._database.execute("INSERT INTO fences VALUES (?, 0) ON CONFLICT DO NOTHING", (lease,))

    @contextlib.contextmanager
    def transaction(self, fence: int) -> Iterator[sqlite3.Connection]:
        """Everything that the block reads and writes is one step by the newest holder, or has no effect."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            # The fence is compared and raised in one statement, which also exists in PostgreSQL.
            raised = self._database.execute(
                "UPDATE fences SET fence = ? WHERE lease = ? AND fence <= ?", (fence, self._lease, fence)
            )
            if raised.rowcount == 0:
                question = "SELECT fence FROM fences WHERE lease = ?"
                raise StaleFenceError(fence, *self._database.execute(question, (self._lease,)).fetchone())
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def claim(self, fence: int) -> None:
        """Refuses all smaller fences from now on; for writers that read and write in different transactions."""
        with self.transaction(fence):
            pass

    def write(self, name: str, text: str, fence: int) -> None:
        with self.transaction(fence) as database:
            update = "INSERT INTO texts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"
            database.execute(update, (name, text))

    def read(self, name: str) -> str | None:
        found = self._database.execute("SELECT text FROM texts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def close(self) -> None:
        self._database.close()
