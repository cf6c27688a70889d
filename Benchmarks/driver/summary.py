"""Medians over the rounds, and how the peers compare with leased."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from generator import Figures
from loads import Load
from main_table import Result

#: Two figures that are nearer to each other than this count as equal.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Column:
    """One figure of a measurement."""

    title: str
    #: In a sentence: "more cycles a second".
    better: str
    more_is_better: bool
    value: Callable[[Figures], float | None]
    #: Whether it is a figure of the peer, and not of the generator.
    is_peers: bool = True


COLUMNS = [
    Column("cycles/s", "more cycles a second", True, lambda figures: figures["cyclesPerSecond"]),
    Column("p50 µs", "a lower p50", False, lambda figures: figures["latency"]["p50"]),
    Column("p99 µs", "a lower p99", False, lambda figures: figures["latency"]["p99"]),
    Column("p99.9 µs", "a lower p99.9", False, lambda figures: figures["latency"]["p999"]),
    Column(
        "CPU µs/cycle",
        "less processor time a cycle",
        False,
        lambda figures: figures.get("peerMicrosecondsPerCycle"),
    ),
    Column(
        "generator's own",
        "less processor time of the generator",
        False,
        lambda figures: figures["ownMicrosecondsPerCycle"],
        is_peers=False,
    ),
]
RATE, P50, P99 = COLUMNS[:3]


@dataclass(frozen=True)
class Cell:
    """The median of a figure, and its minimum and maximum over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Cell | None":
        collected = list(values)
        return cls(statistics.median(collected), min(collected), max(collected)) if collected else None


class Summary:
    def __init__(self, results: Iterable[Result]) -> None:
        self._results = list(results)

    @property
    def loads(self) -> list[Load]:
        return list(dict.fromkeys(result.load for result in self._results))

    def peers(self, load: Load) -> set[str]:
        return {result.peer for result in self._results if result.load == load}

    def cell(self, peer: str, load: Load, column: Column) -> Cell | None:
        values = (
            column.value(result.figures) for result in self._results if (result.peer, result.load) == (peer, load)
        )
        return Cell.of(value for value in values if value is not None)

    def ratio(self, peer: str, load: Load, column: Column) -> float | None:
        """The peer's figure divided by leased's."""
        mine, theirs = self.cell("leased", load, column), self.cell(peer, load, column)
        return theirs.median / mine.median if mine and theirs and mine.median else None

    def is_ahead(self, peer: str, load: Load, column: Column) -> bool:
        """Whether the peer is better than leased, by more than the tolerance."""
        ratio = self.ratio(peer, load, column)
        return column.is_peers and ratio is not None and is_better(ratio, more_is_better=column.more_is_better)

    def busiest_generator(self) -> float:
        """The greatest part of the time that the generator was busy."""
        return max((result.figures["ownBusy"] for result in self._results), default=0.0)


def is_better(ratio: float, *, more_is_better: bool) -> bool:
    """Whether a figure of a peer, divided by leased's, is better by more than the tolerance."""
    return ratio > 1 + TOLERANCE if more_is_better else ratio < 1 - TOLERANCE
