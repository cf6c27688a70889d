"""What else leased does, compared with Redis if it has an equivalent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import disk
from generator import Figures, Generator
from loads import Load
from peers import Leased, Peer, Redis


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    redis: str
    #: Whether names are written once before they are read.
    reads: bool = False


WORKLOADS = [
    Workload("renewals", "`RENEW`", "script: `PEXPIRE` if it has that value"),
    Workload("checks", "`CHECK`", "script: `PTTL` if it has that value"),
    Workload("puts", "`PUT`, 100 bytes", "`SET`"),
    Workload("gets", "`GET`, 100 bytes", "`GET`", reads=True),
]


@dataclass(frozen=True)
class Extra:
    """One measurement of the second set; for hand-overs `load` is the number of waiters."""

    round: int
    workload: str
    peer: str
    load: str
    figures: Figures

    def as_json(self) -> dict[str, Any]:
        return {"round": self.round, "workload": self.workload, "peer": self.peer, "load": self.load, **self.figures}


class SecondSet:
    LOADS = (Load(1), Load(50), Load(50, 16))
    WAITERS = (1, 50)

    def __init__(self, peers: list[Peer], generator: Generator, tell: Callable[[str], None]) -> None:
        self._peers = peers
        self._generator = generator
        self._tell = tell
        self.results: list[Extra] = []

    def run(self, rounds: int) -> None:
        for peer in self._peers:
            # It may already have been in the main table.
            if not peer.folder.exists():
                peer.prepare()
        for number in range(rounds):
            for peer in self._peers:
                disk.settle()
                try:
                    peer.start()
                    self._run(peer, number)
                finally:
                    peer.stop()

    def _run(self, peer: Peer, number: int) -> None:
        # First, since the writes below leave data to be copied into the store's file, which would slow this down.
        if isinstance(peer, Leased):
            for waiters in self.WAITERS:
                figures = self._generator.hand_over(path=peer.path, waiters=waiters, process=peer.pid)
                self._note(Extra(number, "hand-over", peer.name, str(waiters), figures), figures["handOversPerSecond"])
        for workload in WORKLOADS:
            if workload.reads:
                peer.measure(Load(50, 16), "puts", prefix="value:", count=peer.place.names)
            for load in self.LOADS:
                prefix = "lock:" if workload.name in {"renewals", "checks"} else "value:"
                figures = peer.measure(load, workload.name, prefix=prefix, seed=1 + number)
                self._note(Extra(number, workload.name, peer.name, str(load), figures), figures["cyclesPerSecond"])

    def _note(self, extra: Extra, rate: float) -> None:
        self.results.append(extra)
        self._tell(
            f"round {extra.round + 1}: {extra.peer}, {extra.workload}, {extra.load}: {rate:,.0f}/s,"
            f" p50 {extra.figures['latency']['p50']:,.0f} µs"
        )


def peers_of_second_set(peers: list[Peer]) -> list[Peer]:
    """leased, and the Redis with the same guarantee."""
    return [peer for peer in peers if isinstance(peer, Leased) or (isinstance(peer, Redis) and "always" in peer.name)]
