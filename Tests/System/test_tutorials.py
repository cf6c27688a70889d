"""The tutorials of the documentation: the code of each step compiles, and the final programs do what is promised."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import binaries
from harness.daemon import Daemon

CATALOGUES = sorted((binaries.REPOSITORY / "Sources").glob("*/*.docc"))
TUTORIALS = sorted(path for catalogue in CATALOGUES for path in catalogue.glob("Tutorials/*.tutorial"))
PROGRAMS = binaries.REPOSITORY / "Tests" / "Tutorials"
CODE = re.compile(r'@Code\(name: "([^"]+)", file: ([^,)]+)')


def steps(tutorial: Path) -> Iterator[tuple[str, dict[str, Path]]]:
    """Each step's code file, and all files of the reader's program at that step."""
    files: dict[str, Path] = {}
    for name, file in CODE.findall(tutorial.read_text()):
        files[name] = tutorial.parents[1] / "Resources" / file
        yield file, dict(files)


STEPS = [
    pytest.param(file, files, id=file.removesuffix(".swift"))
    for tutorial in TUTORIALS
    for file, files in steps(tutorial)
]


def test_there_are_tutorials_and_each_code_file_is_a_step() -> None:
    assert STEPS
    used = {file for tutorial in TUTORIALS for file, _ in steps(tutorial)}
    assert {path.name for catalogue in CATALOGUES for path in catalogue.glob("Resources/*.swift")} == used


@pytest.fixture(scope="module")
def swiftc() -> list[str]:
    """The compiler, with all imports of the package's modules, as they were built for these tests."""
    built = binaries.directory()
    modules = [
        *built.glob("*.build/module.modulemap"),
        *built.parents[1].glob("checkouts/*/Sources/*/module.modulemap"),
        *built.parents[1].glob("checkouts/*/Sources/*/include/module.modulemap"),
    ]
    assert (built / "Modules").is_dir(), f"{built} is not where `swift build` built the package"
    options = [word for path in modules for word in ("-Xcc", f"-fmodule-map-file={path}")]
    return ["swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", "-I", str(built / "Modules"), *options]


@pytest.mark.parametrize(("file", "files"), STEPS)
def test_the_code_of_each_step_compiles(file: str, files: dict[str, Path], swiftc: list[str], tmp_path: Path) -> None:
    if files.keys() == {"Package.swift"}:
        shutil.copy(files["Package.swift"], tmp_path / "Package.swift")
        command = ["swift", "package", "--package-path", str(tmp_path), "dump-package"]
    else:
        sources = {name: path for name, path in files.items() if name != "Package.swift"}
        command = [*swiftc, "-module-name", "Tutorial"]
        for name, path in sources.items():
            shutil.copy(path, tmp_path / name)
            command.append(str(tmp_path / name))
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{file}: {done.stderr}"


def test_the_programs_that_run_are_the_last_steps() -> None:
    ends: dict[str, Path] = {}
    for tutorial in TUTORIALS:
        for _, files in steps(tutorial):
            ends |= {name: path.resolve() for name, path in files.items() if name != "Package.swift"}
    assert {path.name: path.resolve() for path in PROGRAMS.glob("*/*.swift")} == ends


def said(program: str, folder: Path) -> list[str]:
    """The output of a tutorial's program, run in a folder."""
    done = subprocess.run([binaries.path(program)], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def promised(tutorial: str) -> set[str]:
    """The output that a tutorial's prose quotes."""
    (path,) = (path for path in TUTORIALS if path.stem == tutorial)
    return set(re.findall(r"`([^`]+)`", re.sub(r"\s+", " ", path.read_text())))


def test_the_mailer_prints_what_its_tutorial_says(tmp_path: Path) -> None:
    runs = [said("TutorialMailer", tmp_path) for _ in range(3)]
    assert runs == [
        ["this is the first run", "added letter-1000001"],
        ["added letter-1000002", "sent letter-1000001"],
        ["added letter-1000003", "sent letter-1000002"],
    ]
    assert {*runs[0], *runs[1]} <= promised("EmbedTheStore")


def test_the_night_prints_what_its_tutorial_says(tmp_path: Path) -> None:
    for _ in range(2):
        shown = said("TutorialNight", tmp_path)
        assert shown == [
            "the early job has the lease",
            "the late job has the lease, under a greater fence: true",
            "the late job wrote: true",
            "the early job wrote: false",
            "the fence still counts: true",
            "and no longer: false",
        ]
        assert set(shown[2:]) <= promised("GuardAWrite")


def spoken(program: str, daemon: Daemon) -> list[str]:
    """The output of a tutorial's program that needs the daemon."""
    done = subprocess.run(
        [binaries.path(program)],
        env={**os.environ, "LEASED_SOCKET": str(daemon.socket)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_nightly_job_prints_what_its_tutorial_says(daemon: Daemon) -> None:
    for _ in range(2):
        assert spoken("TutorialNightly", daemon) == ["the job begins", "the job is done"]
    with daemon.connect() as other:
        other.call("ACQUIRE", "nightly", "30s")
        assert spoken("TutorialNightly", daemon) == ["it runs already"]
    assert {"the job begins", "the job is done", "it runs already"} <= promised("GuardACronJob")


def test_the_candidate_prints_what_its_tutorial_says(daemon: Daemon) -> None:
    for _ in range(2):
        shown = spoken("TutorialCandidate", daemon)
        # Leading and watching run side by side: each is in order.
        board = [line for line in shown if "board" in line or "leaders" in line]
        leader = [line for line in shown if line not in board]
        assert leader == ["waiting to lead", "leading", "resigned after 5 rounds"]
        assert board in (
            ["leaders now: 0", "board: acquired", "board: released"],
            ["leaders now: 1", "board: released"],
        )
    assert {"board: acquired", "board: released", "resigned after 5 rounds"} <= promised("LeadAService")


def test_the_transfer_prints_what_its_tutorial_says(daemon: Daemon) -> None:
    for _ in range(2):
        shown = spoken("TutorialTransfer", daemon)
        assert shown == [
            "the early one wrote: true",
            "the late one wrote: true",
            "the early one wrote again: false",
            "the store turned the early one away",
        ]
        assert set(shown[1:]) <= promised("FenceAWrite")
