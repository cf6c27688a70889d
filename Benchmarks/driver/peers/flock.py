"""flock(2): the floor."""

import platform
from pathlib import Path

from loads import Load
from peers.base import Peer


class Flock(Peer):
    name = "flock"
    title = "flock"
    kind = "flock"
    promise = "nothing is kept"
    notes = (
        "The generator itself opens a file, locks it, unlocks it and closes it: what the kernel's lock costs, with"
        " nobody to ask and nothing on disk. One client only; its processor time is the generator's own."
    )

    @property
    def path(self) -> Path:
        return self.folder

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"Linux {platform.release()}"

    def command(self) -> list[str]:
        return []

    def takes(self, load: Load) -> bool:
        return load == Load(1)

    def prepare(self) -> None:
        super().prepare()
        for number in range(self.place.names):
            (self.folder / f"lock:{number:07}").touch()

    def start(self) -> None:
        """There is nothing to start."""
