"""PostgreSQL with a row for each lock."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from peers.base import Peer, first_line_of
from processes import Server

SCHEMA = """
CREATE TABLE locks (name text PRIMARY KEY, holder text, token bigint, expires timestamptz) WITH (fillfactor = 50);
CREATE SEQUENCE tokens;
INSERT INTO locks (name) SELECT 'lock:' || lpad(number::text, 7, '0') FROM generate_series(0, {last}) AS number;
VACUUM ANALYZE locks;
CHECKPOINT;
"""


class PostgreSQL(Peer):
    name = "postgresql"
    title = "PostgreSQL"
    kind = "postgresql"
    promise = "on disk before the answer"
    notes = (
        "`UPDATE locks SET holder, token = nextval(…), expires WHERE name = $1 AND (holder IS NULL OR expires < now())"
        " RETURNING token` and `UPDATE locks SET holder = NULL WHERE name = $1 AND token = $2`, prepared, each a"
        " transaction of its own. The rows are there before; the table has room for updates in place (`fillfactor ="
        " 50`). With a pipeline too each command has a commit of its own, and counts as answered after it."
    )

    @property
    def path(self) -> Path:
        return self.place.sockets / self.name

    def missing(self) -> str | None:
        if _programs() is None:
            return "postgres is not installed (Debian: postgresql)"
        user = _user()
        if user is None:
            return None
        # Root may not run it, and its user must be able to reach its folder.
        reached = subprocess.run(["test", "-x", self.place.data], user=user, group=user, extra_groups=[], check=False)
        if reached.returncode != 0:
            return f"the user {user} cannot reach the folder of the benchmark; set BENCH_DIR to one that everybody can"
        return None

    def version(self) -> str:
        return first_line_of(self._program("postgres"), "--version")

    def command(self) -> list[str]:
        return [
            *(self._program("postgres"), "-D", str(self.folder / "data"), "-k", str(self.path)),
            *("-c", "listen_addresses=", "-c", "synchronous_commit=on", "-c", "max_connections=300"),
        ]

    def prepare(self) -> None:
        super().prepare()
        user = _user()
        for folder in (self.folder, self.path):
            folder.mkdir(exist_ok=True)
            if user:
                shutil.chown(folder, user, user)
        data = str(self.folder / "data")
        self._run([self._program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"])
        # The first start creates the rows. The command is the same, but nothing is measured.
        server = self.spawn()
        try:
            self._make_rows(server)
        finally:
            server.stop(2)

    def spawn(self) -> Server:
        return Server(self.command(), log=self.folder / "log", folder=self.folder, user=_user())

    def stop(self) -> None:
        if self._server is not None:
            # SIGINT, the fast shutdown, which does not wait for clients to disconnect.
            self._server.stop(2)
            self._server = None

    def _make_rows(self, server: Server) -> None:
        connection = ["-h", str(self.path), "-U", "postgres", "postgres"]
        ready = [self._program("pg_isready"), "--quiet", "--timeout=1", *connection[:-1]]
        while subprocess.run(ready, check=False).returncode != 0:
            server.check()
        schema = SCHEMA.format(last=self.place.names - 1)
        self._run([self._program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *connection], text=schema)

    def _run(self, command: list[str], text: str | None = None) -> None:
        with (self.folder / "log").open("ab") as log:
            user = _user()
            subprocess.run(
                command,
                input=text.encode() if text else None,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                check=True,
            )

    def _program(self, name: str) -> str:
        folder = _programs()
        assert folder is not None, "missing() tells of this"
        return str(folder / name)


def _programs() -> Path | None:
    """The folder of the newest server: Debian installs several side by side, and not in PATH."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def _user() -> str | None:
    """The user that it runs as if we are root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
