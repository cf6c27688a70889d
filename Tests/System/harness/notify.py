"""The other end of `NOTIFY_SOCKET`: what a service manager sees of the daemon."""

import array
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .clock import now


@dataclass(frozen=True)
class Message:
    """One datagram: its assignments, its sender, and when it arrived (CLOCK_BOOTTIME, seconds)."""

    fields: dict[str, str]
    pid: int
    at: float


@dataclass
class NotifyListener:
    """Collects notifications on a separate thread, since a datagram queue that nobody reads blocks its sender."""

    path: Path
    messages: list[Message] = field(default_factory=list)
    _reads: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(self.path))
        self._arrived = threading.Condition()
        self._reads.set()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while self._reads.wait():
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4 * 16))
            arrival, pid = now(), 0
            for level, kind, body in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid = struct.unpack("3i", body)[0]
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors = array.array("i")
                    descriptors.frombytes(body)
                    for descriptor in descriptors:
                        os.close(descriptor)  # what BARRIER=1 waits for
            if not data:
                return
            fields = dict(line.partition("=")[::2] for line in data.decode().split("\n") if line)
            with self._arrived:
                self.messages.append(Message(fields, pid, arrival))
                self._arrived.notify_all()

    def pause(self) -> None:
        """Reads at most one more message until `resume`: a sender that fills the queue must wait."""
        self._reads.clear()

    def resume(self) -> None:
        self._reads.set()

    def close(self) -> None:
        """Ends the thread with an empty datagram and removes the socket."""
        self.resume()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self._thread.join(5)
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def wait_for(
        self,
        wanted: Callable[[Message], bool],
        within: float,
        after: int = 0,
        give_up: Callable[[], bool] = lambda: False,
    ) -> Message | None:
        """The first `wanted` message from number `after` on; `None` after `within` seconds, or once `give_up` is true.
        """
        end, seen = now() + within, after
        with self._arrived:
            while True:
                for message in self.messages[seen:]:
                    seen += 1
                    if wanted(message):
                        return message
                if now() > end or give_up():
                    return None
                self._arrived.wait(0.05)

    def since(self, instant: float) -> list[Message]:
        """The messages that arrived after `instant`."""
        with self._arrived:
            return [message for message in self.messages if message.at > instant]
