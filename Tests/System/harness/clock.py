"""Time as the daemon counts it, and waiting for events with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Factor by which waits are longer than an idle machine needs.
PATIENCE = 2.0


def now_ns() -> int:
    """CLOCK_BOOTTIME in nanoseconds, the clock of every deadline."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def now() -> float:
    """CLOCK_BOOTTIME in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def pass_instant(instant: float) -> None:
    """Waits until CLOCK_BOOTTIME is beyond `instant`. Not for waiting for an event."""
    while (left := instant - now()) > 0:
        time.sleep(min(left, 0.05))


def eventually(probe: Callable[[], T], within: float = 10.0, what: str = "the condition") -> T:
    """Calls `probe` until its result is true, and returns that; fails after PATIENCE times `within` seconds."""
    end = now() + within * PATIENCE
    while True:
        answer = probe()
        if answer:
            return answer
        if now() > end:
            raise AssertionError(f"{what} did not come true within {within} s; last answer: {answer!r}")
        time.sleep(0.01)
