"""Runs the load generator, `leased-load`, which prints one JSON object for each measurement."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


class MeasurementFailedError(Exception):
    """The generator could not measure; the message is what it said."""


@dataclass(frozen=True)
class Generator:
    program: Path
    seconds: float
    warm_up: float

    def drive(self, *, peer: str, path: Path, **options: object) -> Figures:
        """`leased-load drive`, for the usual time unless `count` or `seconds` is among the options."""
        return self._run("drive", {"peer": peer, "path": path, **options})

    def hand_over(self, *, path: Path, **options: object) -> Figures:
        """`leased-load hand-over`."""
        return self._run("hand-over", {"path": path, **options})

    def _run(self, command: str, options: dict[str, object]) -> Figures:
        options = {"seconds": self.seconds, "warm_up": self.warm_up, **options}
        words = [str(self.program), command]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MeasurementFailedError(done.stderr.strip() or f"leased-load ended with {done.returncode}")
        figures: Figures = json.loads(done.stdout)
        return figures
