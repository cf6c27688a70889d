"""A store that holds many leases: rate, memory, start times; and an idle daemon."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import disk
from loads import Load
from peers import Leased, Place
from processes import Memory, wake_ups

#: The daemon's limits, raised so that the leases fit.
LIMITS = {"LEASED_LIMITS_LEASES": "9000000", "LEASED_LIMITS_LEASES_PER_USER": "9000000"}


@dataclass(frozen=True)
class ManyLeases:
    """The cost of holding many leases. Seconds, bytes, cycles per second."""

    leases: int
    rate_with_none: float
    rate_with_all: float
    p99_with_none: float
    p99_with_all: float
    seconds_to_acquire: float
    memory_before: Memory
    memory_after: Memory
    memory_after_start: Memory
    store_bytes: int
    start_after_kill: float
    start_after_stop: float
    seconds_to_stop: float

    @property
    def bytes_per_lease(self) -> float:
        return (self.memory_after.resident - self.memory_before.resident) / self.leases

    @property
    def bytes_per_lease_after_start(self) -> float:
        return (self.memory_after_start.resident - self.memory_before.resident) / self.leases

    @property
    def ratio(self) -> float:
        return self.rate_with_all / self.rate_with_none

    def as_json(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in self.__dataclass_fields__}
        memories = {name: vars(value) for name, value in figures.items() if isinstance(value, Memory)}
        return {**figures, **memories, "bytes_per_lease": self.bytes_per_lease}


def hold_many(place: Place, leases: int, rounds: int, tell: Callable[[str], None]) -> ManyLeases:
    """Measures a daemon with no leases, then with `count` leases of an hour, then its start on that store."""
    daemon = Leased(place, "many.db", LIMITS)
    daemon.prepare()
    disk.settle()
    try:
        daemon.start()
        none = [daemon.measure(Load(50), seed=1 + number) for number in range(rounds)]
        before = Memory.of(daemon.server.pid)
        tell(f"acquiring {leases:,} leases")
        began = time.monotonic()
        daemon.measure(Load(16, 64), "holding", prefix="held:", ttl="1h", count=leases, names=1)
        seconds_to_acquire = time.monotonic() - began
        after = Memory.of(daemon.server.pid)
        every = [daemon.measure(Load(50), seed=1 + number) for number in range(rounds)]

        after_kill, after_stop, stops = [], [], []
        for _ in range(3):
            daemon.kill()
            daemon.start()
            after_kill.append(daemon.seconds_to_ready)
            began = time.monotonic()
            daemon.stop()
            stops.append(time.monotonic() - began)
            daemon.start()
            after_stop.append(daemon.seconds_to_ready)
        after_start = Memory.of(daemon.server.pid)
    finally:
        daemon.stop()
    store_bytes = sum(path.stat().st_size for path in daemon.folder.glob("many.db*"))
    for path in daemon.folder.glob("many.db*"):
        path.unlink()

    def median(figures: list[dict[str, Any]], *keys: str) -> float:
        values = []
        for entry in figures:
            value: Any = entry
            for key in keys:
                value = value[key]
            values.append(float(value))
        return statistics.median(values)

    return ManyLeases(
        leases=leases,
        rate_with_none=median(none, "cyclesPerSecond"),
        rate_with_all=median(every, "cyclesPerSecond"),
        p99_with_none=median(none, "latency", "p99"),
        p99_with_all=median(every, "latency", "p99"),
        seconds_to_acquire=seconds_to_acquire,
        memory_before=before,
        memory_after=after,
        memory_after_start=after_start,
        store_bytes=store_bytes,
        start_after_kill=statistics.median(after_kill),
        start_after_stop=statistics.median(after_stop),
        seconds_to_stop=statistics.median(stops),
    )


@dataclass(frozen=True)
class Idle:
    """A daemon that gets no requests, without a watchdog."""

    start_new: float
    start_empty: float
    seconds: float
    memory: Memory
    #: For each thread that woke up, by name, how often.
    wake_ups: dict[str, int]

    @property
    def wake_ups_in_all(self) -> int:
        return sum(self.wake_ups.values())

    def as_json(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**figures, "memory": vars(self.memory)}


def stay_idle(place: Place, seconds: float) -> Idle:
    """Starts a daemon on a new store, then five times on the store without leases, and watches it idle."""
    daemon = Leased(place, "idle.db")
    daemon.prepare()
    starts = []
    try:
        daemon.start()
        start_new = daemon.seconds_to_ready
        for _ in range(5):
            daemon.stop()
            daemon.start()
            starts.append(daemon.seconds_to_ready)
        # The work that a start leaves is over by then, and the threads that it needed have ended, which takes 5 s.
        time.sleep(min(8, seconds))
        before = wake_ups(daemon.server.pid)
        time.sleep(seconds)
        after = wake_ups(daemon.server.pid)
        memory = Memory.of(daemon.server.pid)
    finally:
        daemon.stop()
    differences: Counter[str] = Counter()
    for (number, name), count in after.items():
        differences[name] += count - before.get((number, name), 0)
    return Idle(
        start_new=start_new,
        start_empty=statistics.median(starts),
        seconds=seconds,
        memory=memory,
        wake_ups={thread: count for thread, count in differences.items() if count},
    )
