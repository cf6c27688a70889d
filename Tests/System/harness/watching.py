"""A subscriber that parses its messages."""

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .daemon import Daemon
from .resp import Argument, Push, Reply, Simple


@dataclass(frozen=True)
class Event:
    """One message: its channel, and its JSON."""

    channel: bytes
    fields: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.fields["event"])

    @property
    def fence(self) -> int:
        fence = self.fields["fence"]
        assert type(fence) is int
        return fence


def parse(frame: Reply) -> Event:
    """A `message` or `pmessage` frame; its payload must be one line of JSON."""
    assert frame[0] in {b"message", b"pmessage"}, f"not a message: {frame!r}"
    assert len(frame) == (3 if frame[0] == b"message" else 4), frame
    channel, payload = frame[-2:]
    assert b"\n" not in payload, "one line"
    return Event(channel, json.loads(payload))


class Watcher:
    """A separate connection that is subscribed to patterns, or with `exact` to names."""

    def __init__(self, daemon: Daemon, *wanted: Argument, exact: bool = False, protocol: int = 3) -> None:
        self.connection = daemon.connect(protocol, timeout=20)
        self._early: list[Event] = []
        self.connection.send("SUBSCRIBE" if exact else "PSUBSCRIBE", *wanted)
        for number in range(1, len(wanted) + 1):
            confirmed = self.connection.receive()
            assert confirmed[0] == (b"subscribe" if exact else b"psubscribe"), confirmed
            assert confirmed[2] == number

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def next(self) -> Event:
        """The next event; waits for it."""
        return self._early.pop(0) if self._early else parse(self.connection.receive())

    def until(self, kind: str) -> list[Event]:
        """The events up to and including the next of this kind."""
        seen = [self.next()]
        while seen[-1].kind != kind:
            seen.append(self.next())
        return seen

    def sofar(self) -> list[Event]:
        """The events of everything that the daemon has answered so far: they precede the answer to a PING."""
        self.connection.send("PING", "mark")
        seen, self._early = self._early, []
        while True:
            frame = self.connection.receive()
            if frame == b"mark" or frame == Simple("mark") or frame == [b"pong", b"mark"]:
                return seen
            assert isinstance(frame, Push) or frame[0] in {b"message", b"pmessage"}, frame
            seen.append(parse(frame))

    def kinds(self) -> list[str]:
        """The kinds of `sofar`."""
        return [event.kind for event in self.sofar()]
