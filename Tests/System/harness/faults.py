"""Faults that are injected into a daemon from outside: clocks, disks, system calls, single threads."""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from types import TracebackType

from .processes import of_threads

SOURCES = Path(__file__).resolve().parents[1] / "faults"
HOUR = 3600


def compile_fault(source: str, library: Path) -> None:
    """Builds a library for preloading."""
    compiler = ["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*compiler, str(SOURCES / source), "-ldl"], check=True)


@dataclass
class WallClock:
    """A wall clock that a test steps at run time, for the processes that get its `environment`."""

    folder: Path

    def __post_init__(self) -> None:
        library, self._file = self.folder / "wallshift.so", self.folder / "offset"
        compile_fault("wallshift.c", library)
        self.step_to(0)
        self.environment = {"LD_PRELOAD": str(library), "WALLSHIFT_FILE": str(self._file)}

    def step_to(self, seconds: float) -> None:
        """Sets the clock to the true time plus `seconds`."""
        with open(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644), "wb", buffering=0) as file:
            file.write(struct.pack("q", int(seconds * 1e9)))


@dataclass(frozen=True)
class Count:
    """The calls that a process has made."""

    allocations: int
    syncs: int
    file_writes: int
    reads: int
    writes: int
    timers: int
    waits: int
    file_locks: int

    def since(self, before: "Count") -> "Count":
        return Count(*(new - old for new, old in zip(astuple(self), astuple(before), strict=True)))


@dataclass
class Counter:
    """Counts the calls of the process that gets its `environment`, while it runs."""

    folder: Path

    def __post_init__(self) -> None:
        library, self._file = self.folder / "counts.so", self.folder / "counts"
        compile_fault("counts.c", library)
        self._file.write_bytes(bytes(8 * len(fields(Count))))
        self.environment = {"LD_PRELOAD": str(library), "COUNTS_FILE": str(self._file)}

    def now(self) -> Count:
        return Count(*struct.unpack(f"{len(fields(Count))}Q", self._file.read_bytes()))


@dataclass
class Trace:
    """strace on a running process and all its threads, with a fault injected, for the duration of the context."""

    pid: int
    calls: str
    fault: str

    def __enter__(self) -> "Trace":
        self._strace = subprocess.Popen(
            [
                "strace",
                "-f",
                "-e",
                f"trace={self.calls}",
                "-e",
                f"inject={self.calls}:{self.fault}",
                "-p",
                str(self.pid),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._strace.stderr is not None
        line = self._strace.stderr.readline()  # the fault is in force once strace says so
        assert "attached" in line, f"strace: {line}"
        threads = len(os.listdir(f"/proc/{self.pid}/task"))
        while f"/{threads}" not in line and not self._all_traced():
            line = self._strace.stderr.readline()
        self._drain = subprocess.Popen(["cat"], stdin=self._strace.stderr, stdout=subprocess.DEVNULL)
        return self

    def _all_traced(self) -> bool:
        states = of_threads(self.pid, "status").values()
        return all(f"TracerPid:\t{self._strace.pid}\n" in state for state in states)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._strace.terminate()
        self._strace.wait()
        assert self._strace.stderr is not None
        self._strace.stderr.close()
        self._drain.wait()


@dataclass
class MountNamespace:
    """A separate mount namespace, kept by a waiting shell; its mounts always vanish with it."""

    setup: str
    names: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "MountNamespace":
        self._shell = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-ec",
                f"{self.setup}\necho ready\nexec cat >/dev/null",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **self.names},
        )
        assert self._shell.stdout is not None
        assert self._shell.stdout.readline() == b"ready\n", "the mounts could not be made"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.close()
        self._shell.stdout.close()
        self._shell.wait(10)

    @property
    def prefix(self) -> list[str]:
        """The words that run a command inside."""
        return ["nsenter", f"--mount=/proc/{self._shell.pid}/ns/mnt", "--wd=/"]

    def path(self, inside: Path) -> Path:
        """The path from outside of a path inside."""
        return Path(f"/proc/{self._shell.pid}/root{inside}")

    def run(self, script: str) -> None:
        subprocess.run([*self.prefix, "sh", "-ec", script], check=True, env={**os.environ, **self.names})


def cut_power(folder: Path) -> None:
    """Cuts the file system's power: what was not synced never reaches the disk (ext4, without a log flush)."""
    shutdown, without_log_flush = 0x8004587D, struct.pack("I", 2)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, shutdown, without_log_flush)
    finally:
        os.close(descriptor)


class FrozenThread:
    """Stops one thread of another process, and no other thread, for the duration of the context."""

    _SEIZE, _INTERRUPT, _DETACH, _WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        self._libc.ptrace.restype = ctypes.c_long

    def _ptrace(self, request: int) -> None:
        if self._libc.ptrace(request, self.thread, None, None) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")

    def __enter__(self) -> "FrozenThread":
        self._ptrace(self._SEIZE)
        self._ptrace(self._INTERRUPT)
        os.waitpid(self.thread, self._WALL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ptrace(self._DETACH)


def threads_in_epoll(pid: int) -> list[int]:
    """The threads of a process that wait in epoll: event loops."""
    found = []
    for task, call in of_threads(pid, "syscall").items():
        number = call.split()[0]
        if number in {"232", "281", "441"} or (os.uname().machine == "aarch64" and number in {"22", "441"}):
            found.append(task)
    return found


def readable(descriptor: int, within: float) -> bool:
    return bool(select.select([descriptor], [], [], within)[0])
