"""What clients saw of a daemon, as the crash tests record it and `checker` judges it.

All times are CLOCK_BOOTTIME in nanoseconds, read on one machine, so they can be compared.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """One command as its client saw it.

    `reply` is the error word, `"OK"`, or an integer (a token; `CHECK`: milliseconds; `REVOKE`: 0 or 1; `HOLDER`: the
    fence, 0 for null); `None` if the connection was found closed instead, at `end`. A command without a reply was
    decided between `send` and `end`, or never.
    """

    verb: str
    send: int
    end: int
    reply: int | str | None
    name: str = ""
    token: int = 0
    ttl: int = 0
    request: str = ""
    client: int = 0

    @property
    def granted(self) -> int:
        """The token that this command, or the one that it repeats, received; 0 for none."""
        return self.reply if self.verb in {"ACQUIRE", "RENEW", "TOKEN"} and isinstance(self.reply, int) else 0

    @property
    def attempt(self) -> tuple[str, str, str]:
        """The identity that all repetitions of one command share."""
        return self.verb, self.name, self.request


@dataclass(frozen=True)
class Outage:
    """The daemon was alive at `killed` and gone at `dead`; the next was started at `spawned` and ready at `ready`."""

    killed: int
    dead: int
    spawned: int
    ready: int


@dataclass
class History:
    operations: list[Operation] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
