"""Connections that have another user's peer credentials."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .resp import Connection

#: A user who is neither root nor the daemon: `nobody`.
STRANGER = 65534


def admit_everyone(path: Path) -> None:
    """Lets every user connect to this socket, which the daemon made for its own user and group."""
    os.chmod(path, 0o666)
    for folder in path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            os.chmod(folder, folder.stat().st_mode | 0o011)


@dataclass
class ConnectionAs:
    """Context manager: a connection made by `uid`. The process that connected lives as long as the connection, since
    the daemon may inspect it.
    """

    path: str
    uid: int = STRANGER
    protocol: int = 2

    def __enter__(self) -> Connection:
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            status = 1
            try:
                # Nothing else is inherited: a copy of another connection would keep alive what is bound or tied to it.
                os.closerange(3, theirs.fileno())
                os.closerange(theirs.fileno() + 1, 1 << 20)
                os.setgroups([])
                os.setresgid(self.uid, self.uid, self.uid)
                os.setresuid(self.uid, self.uid, self.uid)
                made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                made.connect(self.path)
                socket.send_fds(theirs, [b"."], [made.fileno()])
                made.close()
                theirs.recv(1)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        self._control = ours
        data, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        assert data, f"user {self.uid} could not connect to {self.path}"
        self.connection = Connection(self.path, self.protocol, connected=socket.socket(fileno=descriptors[0]))
        return self.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self._control.close()
        os.waitpid(self._child, 0)
