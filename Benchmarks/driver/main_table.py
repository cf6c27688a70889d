"""The main table: cycles of every peer under every load, in rounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import disk
from generator import Figures, MeasurementFailedError
from loads import Load
from peers import Peer
from processes import ServerFailedError


@dataclass(frozen=True)
class Result:
    """One measurement."""

    round: int
    peer: str
    load: Load
    figures: Figures

    def as_json(self) -> dict[str, Any]:
        return {"round": self.round, "peer": self.peer, "load": str(self.load), **self.figures}


class MainTable:
    """Runs rounds. In each, under each load, the peers run one at a time, alone on the machine, each time in another
    order.

    Figures that are compared are measured within seconds of each other, since the speed of a shared machine changes.
    """

    def __init__(self, peers: Sequence[Peer], loads: Sequence[Load], tell: Callable[[str], None]) -> None:
        self._peers = list(peers)
        self._loads = list(loads)
        self._tell = tell
        self.results: list[Result] = []
        #: Why peers are missing from the table, or from parts of it, by name.
        self.failures: dict[str, str] = {}

    def prepare(self) -> None:
        for peer in list(self._peers):
            self._tell(f"preparing {peer.title}")
            try:
                peer.prepare()
            except Exception as error:
                # The other peers can be measured without this one, and the report says that it is missing.
                self._give_up(peer, error)

    def run(self, rounds: int) -> None:
        first = 0
        for number in range(rounds):
            for load in self._loads:
                peers = [peer for peer in self._peers if peer.takes(load)]
                start = first % max(1, len(peers))
                first += 1
                for peer in peers[start:] + peers[:start]:
                    self._run(peer, load, number)

    def _run(self, peer: Peer, load: Load, number: int) -> None:
        disk.settle()
        try:
            peer.start()
            figures = peer.measure(load, seed=1 + number)
            self.results.append(Result(number, peer.name, load, figures))
            self._tell(
                f"round {number + 1}: {peer.title}, {load.title}: {figures['cyclesPerSecond']:,.0f} cycles/s,"
                f" p50 {figures['latency']['p50']:,.0f} µs, p99 {figures['latency']['p99']:,.0f} µs"
            )
        except (ServerFailedError, MeasurementFailedError) as error:
            self._give_up(peer, error)
        finally:
            peer.stop()

    def _give_up(self, peer: Peer, error: Exception) -> None:
        self._tell(f"{peer.title} is left out from here on: {error}")
        self.failures[peer.name] = str(error)
        self._peers.remove(peer)
