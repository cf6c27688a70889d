"""`leasectl` as a person or a script runs it, and jobs that report their progress to the test."""

import itertools
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from . import binaries
from .clock import eventually
from .daemon import Daemon

_numbers = itertools.count(1)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False  # It is gone before the file is opened, or before it is read (ESRCH, proc(5)).


def gone(pid: int, within: float = 10.0) -> None:
    """Waits until a process has ended."""
    eventually(lambda: not alive(pid), within, f"the end of process {pid}")


def signal_set(status: str, field_name: str) -> set[int]:
    """A signal set (`SigBlk`, `SigIgn`) from the text of a /proc/PID/status."""
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(field_name))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


@dataclass
class Ctl:
    """Runs `leasectl` against one daemon. `wrapper` is put in front: nohup, sh."""

    daemon: Daemon
    wrapper: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """`leasectl SUBCOMMAND --socket PATH …`; some subcommands have two words."""
        words = 2 if arguments[0] in {"prefix", "keys"} else 1
        socket = ["--socket", str(self.daemon.socket)]
        return [*self.wrapper, binaries.path("leasectl"), *arguments[:words], *socket, *arguments[words:]]

    def environ(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LEASE_", "LEASED_"))}
        return {**inherited, **self.environment}

    def __call__(self, *arguments: str, **details: Any) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end and returns status, stdout and stderr."""
        details.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            self.command(*arguments), env=self.environ(), capture_output=True, text=True, timeout=60, **details
        )

    def spawn(self, *arguments: str, **details: Any) -> "subprocess.Popen[str]":
        details.setdefault("stdin", subprocess.DEVNULL)
        details.setdefault("stdout", subprocess.PIPE)
        details.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(*arguments), env=self.environ(), text=True, **details)

    def answer(self, *arguments: str) -> str:
        """The stdout of a command that must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, f"{arguments}: status {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def binary(
        self, *arguments: str, stdin: bytes | IO[bytes] = b"", **details: Any
    ) -> "subprocess.CompletedProcess[bytes]":
        """Runs it to its end, with bytes as its input (through a pipe, or from a file) and as its output."""
        source: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
        return subprocess.run(
            self.command(*arguments), env=self.environ(), capture_output=True, timeout=60, **source, **details
        )

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects, one per line, of a command with `--json`."""
        verb, *rest = arguments
        return [json.loads(line) for line in self.answer(verb, "--json", *rest).splitlines()]


class Job:
    """A shell script that reports its start and then runs `body`, in which `wait_for_go` waits for the test."""

    def __init__(self, folder: Path, body: str = "wait_for_go") -> None:
        self.folder = folder / f"job{next(_numbers)}"
        self.folder.mkdir()
        os.mkfifo(self.folder / "go")
        self.script = self.folder / "script"
        # `sh stubborn FOLDER NAME`: a process that reports its pid as NAME and survives every signal that can be
        # ignored.
        (self.folder / "stubborn").write_text(
            'cd "$1"; trap \'\' TERM HUP INT; echo $$ >"$2.new"; mv "$2.new" "$2"; while :; do sleep 1; done\n'
        )
        # `sh keeper FOLDER NAME`: the same, but a single process, without a child that outlives it for a moment.
        (self.folder / "keeper").write_text(
            'cd "$1"; trap \'\' TERM HUP INT; echo $$ >"$2.new"; mv "$2.new" "$2"; exec sleep 1000\n'
        )
        self.script.write_text(
            f"cd {self.folder}\n"
            'tell() { echo "$2" >"$1.new"; mv "$1.new" "$1"; }\n'
            "wait_for_go() { read _ <go; }\n"
            f"tell started $$\n{body}\n"
        )
        self.command = ["sh", str(self.script)]

    def told(self, what: str, within: float = 20.0) -> str:
        """Waits until the job has reported `what`, and returns it."""
        path = self.folder / what
        eventually(path.exists, within, f"the job to tell {what!r}")
        return path.read_text().strip()

    def has_told(self, what: str) -> bool:
        return (self.folder / what).exists()

    def pid(self) -> int:
        """Waits for the start of the job; returns its process."""
        return int(self.told("started"))

    def go(self) -> None:
        """Lets the job continue."""
        with open(self.folder / "go", "w") as fifo:
            fifo.write("\n")


def finish(process: "subprocess.Popen[str]", within: float = 30.0) -> tuple[int, str, str]:
    """Waits for the end: status, stdout, stderr."""
    out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def stop_and_reap(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
