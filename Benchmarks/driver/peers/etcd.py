"""etcd, one member."""

from pathlib import Path

from peers.base import Peer, first_line_of, without_program
from processes import Server


class Etcd(Peer):
    name = "etcd"
    title = "etcd"
    kind = "etcd"
    promise = "on disk before the answer"
    # Tried with 1 to 64 clients per connection: sharing makes etcd faster, since it then answers in groups.
    clients_per_connection = 16
    notes = (
        "A transaction that creates the key if it is absent, and a delete, by gRPC over HTTP/2. Up to 16 clients share"
        " a connection: etcd is faster so than with a connection each."
    )

    @property
    def path(self) -> Path:
        # etcd takes `unix://NAME:PORT`, and makes a socket with exactly that name in its working directory.
        return self.place.sockets / "etcd:0"

    def missing(self) -> str | None:
        return without_program("etcd", "etcd-server")

    def version(self) -> str:
        return first_line_of("etcd", "--version")

    def command(self) -> list[str]:
        return [
            *("etcd", "--data-dir", str(self.folder / "data"), "--quota-backend-bytes", str(8 << 30)),
            *("--listen-client-urls", "unix://etcd:0", "--advertise-client-urls", "unix://etcd:0"),
            *("--listen-peer-urls", "unix://etcd-peer:0", "--initial-advertise-peer-urls", "http://localhost:2380"),
            *("--initial-cluster", "default=http://localhost:2380", "--logger", "zap", "--log-level", "error"),
        ]

    def spawn(self) -> Server:
        return Server(self.command(), log=self.folder / "log", folder=self.place.sockets)
