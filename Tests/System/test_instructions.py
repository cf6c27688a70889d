"""The cost of an acquire and a release in instructions, and not in time: a figure that rises here has a reason.

Parsed, decided, committed, answered and folded by `CommandProbe`, which has no sockets and no threads. The bound is for
a debug build, with a margin of a fifth.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import binaries

COLLECTED = re.compile(r"Collected : (\d+)")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe without its debugging symbols, which valgrind does not understand."""
    stripped = tmp_path_factory.mktemp("probe") / "CommandProbe"
    subprocess.run(["strip", "-g", "-o", stripped, binaries.path("CommandProbe")], check=True)
    return stripped


def instructions(probe: Path, folder: Path, cycles: int) -> int:
    folder.mkdir()
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", probe, folder, str(cycles)],
        # The same order in the dictionaries each time.
        env=dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(2 * cycles)], "a row of the journal for each command"
    collected = COLLECTED.search(done.stderr)
    assert collected is not None, done.stderr
    return int(collected[1])


def test_a_cycle_costs_so_many_instructions(probe: Path, tmp_path: Path) -> None:
    few, many = instructions(probe, tmp_path / "few", 100), instructions(probe, tmp_path / "many", 300)
    # The cost of a start is in both.
    assert (many - few) / 200 <= 730_000
