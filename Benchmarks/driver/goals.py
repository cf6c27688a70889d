"""The goals of leased, each with the measured figures."""

from collections.abc import Iterator
from dataclasses import dataclass

from loads import Load
from many_leases import Idle, ManyLeases
from summary import P50, P99, RATE, Cell, Column, Summary


@dataclass(frozen=True)
class Goal:
    text: str
    measured: str
    is_met: bool


def goals(summary: Summary, hand_over: Cell | None, many: ManyLeases | None, idle: Idle | None) -> Iterator[Goal]:
    """The goals whose figures were measured."""
    yield from _beside_peers(summary)
    steady = _ratio_of_p99(summary)
    if steady is not None:
        yield Goal("p99 at most 4 times p50 at 50 clients", f"{steady:.2f} times", steady <= 4)
    if hand_over is not None:
        yield Goal("hand-over under 300 µs at p50", f"{hand_over.median:.0f} µs", hand_over.median < 300)
    if many is not None:
        yield from _with_many(many)
    if idle is not None:
        yield Goal(
            "start to READY under 50 ms with an empty store",
            f"{idle.start_empty * 1000:.0f} ms",
            idle.start_empty < 0.05,
        )
        resident = idle.memory.resident / 1e6
        yield Goal("idle: under 25 MB resident", f"{resident:.1f} MB", resident < 25)
        yield Goal(
            "idle: no wake-ups but the watchdog's",
            f"{idle.wake_ups_in_all} in {idle.seconds:.0f} s without a watchdog",
            idle.wake_ups_in_all == 0,
        )


def _beside_peers(summary: Summary) -> Iterator[Goal]:
    fifty, one = Load(50), Load(1)
    for peer, title, factor in (("redis-always", "Redis `always`", 1.5), ("etcd", "etcd", 8.0)):
        if times := _inverse(summary, peer, fifty, RATE):
            yield Goal(
                f"cycles a second at 50 clients at least {factor:g} times {title}'s",
                f"{times:.2f} times",
                times >= factor,
            )
    if ratio := _inverse(summary, "redis-always", one, P50):
        yield Goal("one client's p50 at most 0.8 of Redis `always`'s", f"{ratio:.2f}", ratio <= 0.8)
    for load in summary.loads:
        if load.pipeline > 1 and (times := _inverse(summary, "redis-always", load, RATE)):
            yield Goal(f"{load.title}: at least Redis `always`'s rate", f"{times:.2f} times", times >= 1)


def _with_many(many: ManyLeases) -> Iterator[Goal]:
    leases = f"{many.leases:,} leases"
    yield Goal(f"rate with {leases} held at least 0.8 of that with none", f"{many.ratio:.2f}", many.ratio >= 0.8)
    yield Goal("at most 400 bytes of memory a lease", f"{many.bytes_per_lease:.0f} bytes", many.bytes_per_lease <= 400)
    slower = max(many.start_after_kill, many.start_after_stop)
    yield Goal(f"start to READY under 2 s with {leases}", f"{slower:.2f} s", slower < 2)


def _inverse(summary: Summary, peer: str, load: Load, column: Column) -> float | None:
    """leased's figure divided by the peer's."""
    ratio = summary.ratio(peer, load, column)
    return 1 / ratio if ratio else None


def _ratio_of_p99(summary: Summary) -> float | None:
    p50, p99 = (summary.cell("leased", Load(50), column) for column in (P50, P99))
    return p99.median / p50.median if p50 and p99 else None
