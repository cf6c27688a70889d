"""A small RESP 2 and 3 client, so that the bytes on the wire are seen exactly as they are sent.

Replies become: `Simple` (`+`), `bytes` (`$`), `int` (`:`), `ReplyError` (`-`), `list` (`*`), `dict` (`%`), `Push` (`>`)
and `None` (every null). Nothing else is converted: a test that expects an integer must have received an integer.
"""

import select
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Any

Argument = bytes | str | int
Reply = Any


@dataclass(frozen=True)
class Simple:
    """A simple string, `+OK`."""

    text: str


OK = Simple("OK")


class ReplyError(Exception):
    """An error reply, `-WORD message`."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.word, _, self.message = line.partition(" ")

    def __repr__(self) -> str:
        return f"ReplyError({self.args[0]!r})"


class Push(list[Reply]):
    """A RESP3 push frame."""


class ClosedError(Exception):
    """The peer closed the connection, by an orderly close or a reset, where a reply was expected."""


def encode(*arguments: Argument) -> bytes:
    """A command as an array of bulk strings."""
    raw = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in raw)


def pairs(reply: Reply) -> dict[str, Reply]:
    """A map reply of either protocol, with its keys as text: RESP2 sends it flat."""
    if isinstance(reply, list):
        assert len(reply) % 2 == 0, f"a flat map has an odd number of elements: {reply!r}"
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    return {
        (k.decode() if isinstance(k, bytes) else k.text if isinstance(k, Simple) else k): v for k, v in reply.items()
    }


class Connection:
    """One connection to the daemon. Every wait has a time limit, so that a daemon that hangs fails the test."""

    def __init__(
        self, path: str, protocol: int = 2, timeout: float = 10.0, connected: socket.socket | None = None
    ) -> None:
        if connected is None:
            connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            # A blocking connect waits when the listener's queue is full; a non-blocking one would fail.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout) + 1, 0))
            try:
                connected.connect(path)
            except BaseException:
                connected.close()
                raise
        self.socket = connected
        self.socket.settimeout(timeout)
        self._buffer = bytearray()
        if protocol == 3:
            self.call("HELLO", 3)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # Sending

    def send(self, *arguments: Argument) -> None:
        """Sends one command without waiting for its reply."""
        self.send_raw(encode(*arguments))

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def finish_sending(self) -> None:
        """Half closes the connection."""
        self.socket.shutdown(socket.SHUT_WR)

    # Receiving

    def _fill(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise ClosedError from error
        if not data:
            raise ClosedError
        self._buffer += data

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count + 2:
            self._fill()
        data = bytes(self._buffer[:count])
        assert self._buffer[count : count + 2] == b"\r\n", "a bulk string without its line end"
        del self._buffer[: count + 2]
        return data

    def receive(self) -> Reply:
        """The next reply; an error is returned, not raised."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return Simple(rest.decode())
            case b"-":
                return ReplyError(rest.decode())
            case b":":
                return int(rest)
            case b"_":
                return None
            case b"$":
                return None if rest == b"-1" else self._exactly(int(rest))
            case b"=":
                return self._exactly(int(rest))[4:]
            case b"*":
                return None if rest == b"-1" else [self.receive() for _ in range(int(rest))]
            case b">":
                return Push(self.receive() for _ in range(int(rest)))
            case b"%":
                return {self.receive(): self.receive() for _ in range(int(rest))}
            case b"~":
                return [self.receive() for _ in range(int(rest))]
        raise AssertionError(f"not a reply of RESP as the contract uses it: {line!r}")

    def pending(self, within: float = 0.0) -> bool:
        """Whether anything has arrived that was not received yet: bytes, or the end."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], within)[0])

    def rest(self) -> list[Reply]:
        """All remaining input up to the end, which must come."""
        replies = []
        try:
            while True:
                replies.append(self.receive())
        except ClosedError:
            return replies

    def at_end(self) -> bool:
        """Whether the peer closes without sending anything more. Waits for it."""
        if self._buffer:
            return False
        try:
            self._fill()
        except ClosedError:
            return True
        return False

    # Both

    def call(self, *arguments: Argument) -> Reply:
        """Sends one command and returns its reply; an error reply is raised."""
        self.send(*arguments)
        reply = self.receive()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def error(self, *arguments: Argument) -> str:
        """Sends one command that must fail, and returns the error's word."""
        self.send(*arguments)
        reply = self.receive()
        assert isinstance(reply, ReplyError), f"{arguments!r} should have been refused, but answered {reply!r}"
        return reply.word

    def holder(self, name: Argument) -> dict[str, Reply] | None:
        """`HOLDER`, with the map of either protocol as a dictionary."""
        reply = self.call("HOLDER", name)
        return None if reply is None else pairs(reply)

    def leases(self, *arguments: Argument) -> list[dict[str, Reply]]:
        """`LEASES`, likewise."""
        return [pairs(entry) for entry in self.call("LEASES", *arguments)]
