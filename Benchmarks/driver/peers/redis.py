"""Redis with an append-only file."""

from pathlib import Path

from peers.base import Peer, Place, first_line_of, without_program


class Redis(Peer):
    kind = "redis"
    notes = "`SET name value NX PX 30000` and a script (`EVALSHA`) that deletes the name if it has that value."

    def __init__(self, place: Place, fsync: str) -> None:
        self.name = f"redis-{fsync}"
        self.title = f"Redis, {fsync}"
        self.promise = "on disk before the answer" if fsync == "always" else "the last second is lost with the machine"
        self._fsync = fsync
        super().__init__(place)

    @property
    def path(self) -> Path:
        return self.place.sockets / self.name

    def missing(self) -> str | None:
        return without_program("redis-server", "redis-server")

    def version(self) -> str:
        return first_line_of("redis-server", "--version").split(" sha=")[0]

    def command(self) -> list[str]:
        return [
            *("redis-server", "--port", "0", "--unixsocket", str(self.path), "--dir", str(self.folder)),
            *("--appendonly", "yes", "--appendfsync", self._fsync, "--save", ""),
        ]
