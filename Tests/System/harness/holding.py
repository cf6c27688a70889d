"""Ties, and processes that hold an inherited descriptor."""

import os
import signal
import subprocess
from types import TracebackType

from .daemon import Daemon
from .resp import OK, Argument, Connection


def tie(daemon: Daemon, name: Argument, token: int, half_close: bool = True) -> Connection:
    """A new connection that is made a tie, and shut down for writing as clients do."""
    connection = daemon.connect()
    assert connection.call("TIE", name, token) == OK
    if half_close:
        connection.finish_sending()
    return connection


class Keeper:
    """A process that inherits the descriptor of a connection and only keeps it open."""

    def __init__(self, connection: Connection) -> None:
        descriptor = connection.socket.fileno()
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
        self.pid = self.process.pid

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()

    def end(self) -> None:
        """Lets the process end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(10) == 0

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
