"""The programs under test: in `$LEASED_BIN_DIR`, or else where `swift build` puts them."""

import functools
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


@functools.cache
def directory() -> Path:
    """The folder of `leased` and `leasectl`. Fails if nothing is built, so that no test passes for lack of a program.
    """
    named = os.environ.get("LEASED_BIN_DIR")
    if named:
        return Path(named).resolve()
    shown = subprocess.run(
        ["swift", "build", "--show-bin-path"], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(shown.stdout.strip())


def path(program: str) -> str:
    """The absolute path of a program under test."""
    found = directory() / program
    if not os.access(found, os.X_OK):
        raise FileNotFoundError(f"{found} is not there: run `swift build`, or set LEASED_BIN_DIR")
    return str(found)
