"""What the driver knows of a peer."""

import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from generator import Figures, Generator, MeasurementFailedError
from loads import Load
from processes import Server, ServerFailedError


@dataclass(frozen=True)
class Place:
    """Where files are: data on the disk that is measured, sockets where their paths are short."""

    data: Path
    sockets: Path
    leased: Path
    generator: Generator
    names: int


class Peer(ABC):
    """One peer with a separate folder. It is started and stopped for each round, and keeps its data in between."""

    READY_WITHIN = 60.0

    #: The key in options and results.
    name: str
    #: The name in tables.
    title: str
    #: The name for the generator.
    kind: str
    #: What an answer guarantees, in a few words.
    promise: str
    #: How the peer is used, if that is not clear from its command.
    notes: str = ""
    #: How many clients share a connection.
    clients_per_connection = 1

    def __init__(self, place: Place) -> None:
        self.place = place
        self._server: Server | None = None

    @property
    def folder(self) -> Path:
        return self.place.data / self.name

    @property
    @abstractmethod
    def path(self) -> Path:
        """The generator's `--path`."""

    @abstractmethod
    def missing(self) -> str | None:
        """Why the peer cannot be measured here, or `None` if it can."""

    @abstractmethod
    def version(self) -> str: ...

    @abstractmethod
    def command(self) -> list[str]: ...

    def takes(self, load: Load) -> bool:
        """Whether the peer can run this measurement."""
        return True

    def prepare(self) -> None:
        """Makes its folder, before its first start."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Starts it, and waits until it serves commands."""
        self._server = self.spawn()
        self._await_first_cycle(self._server)

    def spawn(self) -> Server:
        return Server(self.command(), log=self.folder / "log", folder=self.folder)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def measure(self, load: Load, workload: str = "cycles", **options: object) -> Figures:
        """Drives it with the load."""
        if self.pid is not None:
            options["process"] = self.pid
        return self.place.generator.drive(
            peer=self.kind,
            path=self.path,
            workload=workload,
            clients=load.clients,
            pipeline=load.pipeline,
            clients_per_connection=min(load.clients, self.clients_per_connection),
            **{"names": self.place.names, **options},
        )

    def _await_first_cycle(self, server: Server) -> None:
        end = time.monotonic() + self.READY_WITHIN
        while True:
            server.check()
            try:
                self.measure(Load(1), count=1)
                return
            except MeasurementFailedError as error:
                if time.monotonic() > end:
                    raise ServerFailedError(f"{self.title} did not get ready: {error}") from None
                time.sleep(0.1)


def first_line_of(*command: str) -> str:
    """The first line that a program prints, for example for `--version`."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].strip()


def without_program(program: str, package: str) -> str | None:
    """Why a peer is missing whose program is not installed."""
    return None if shutil.which(program) else f"{program} is not installed (Debian: {package})"
