"""A live `leased` in a temporary folder: started, awaited, killed, started again."""

import itertools
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import binaries
from .clock import eventually, now
from .notify import NotifyListener
from .processes import of_threads
from .resp import Connection

READY_WITHIN = 30.0
STOPPED_WITHIN = 30.0

#: Deaths that are always a defect: no client may crash the daemon.
CRASHES = {-signal.SIGSEGV, -signal.SIGILL, -signal.SIGTRAP, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE}


@dataclass
class Daemon:
    """`leased --socket FOLDER/s --store FOLDER/leased.db`, under `prefix` (strace, unshare, nsenter) if given."""

    folder: Path
    prefix: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    store: Path = Path()
    socket: Path = Path()
    arguments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.store == Path():
            self.store = self.folder / "leased.db"
        if self.socket == Path():
            self.socket = self.folder / "s"
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self.spawned_at = self.ready_at = 0.0
        self._starts = itertools.count(1)
        self._log = self.folder / "stderr"
        self.notify: NotifyListener | None = None

    # Life

    def spawn(self) -> None:
        """Starts the process without waiting for anything."""
        self._close_notify()
        number = next(self._starts)
        self.notify = NotifyListener(self.folder / f"n{number}")
        self._log = self.folder / f"stderr.{number}"
        command = [*self.prefix, binaries.path("leased"), "--socket", str(self.socket), "--store", str(self.store)]
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("LEASED_", "LEASE_", "WATCHDOG_", "JOURNAL_"))
        }
        with self._log.open("wb") as log:
            self.spawned_at = now()
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                env={**inherited, "NOTIFY_SOCKET": str(self.notify.path), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def await_ready(self) -> None:
        """Waits for READY=1, and learns the daemon's pid from its sender, whatever `prefix` is."""
        assert self.process is not None
        assert self.notify is not None
        process = self.process
        message = self.notify.wait_for(
            lambda m: m.fields.get("READY") == "1", READY_WITHIN, give_up=lambda: process.poll() is not None
        )
        if message is None:
            raise AssertionError(f"leased did not become ready (exit status {process.poll()}); it said:\n{self.log()}")
        self.pid, self.ready_at = message.pid, message.at

    def start(self) -> "Daemon":
        self.spawn()
        self.await_ready()
        return self

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP, and waits until every thread has stopped; `signal(SIGCONT)` continues it."""
        self.signal(signal.SIGSTOP)

        def stopped() -> bool:
            stats = of_threads(self.pid, "stat").values()
            return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

        eventually(stopped, 5, "the stop of all threads")

    def wait(self, within: float = STOPPED_WITHIN) -> int:
        """Waits for the end and returns the exit status, negative for a signal."""
        assert self.process is not None
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"leased still runs after {within} s; it said:\n{self.log()}") from None

    def kill(self) -> None:
        """SIGKILL: the death that no handler sees."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """An orderly stop, which must succeed."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"leased ended with {status} after TERM; it said:\n{self.log()}"

    def restart(self) -> None:
        """SIGKILL, and a new start with the same store and socket."""
        self.kill()
        self.start()

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def discard(self) -> None:
        """Ends the daemon if it still runs; fails if it has crashed."""
        status = None if self.process is None else self.process.poll()
        if self.process is not None and status is None:
            if self.pid and self.pid != self.process.pid:
                os.kill(self.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        self._close_notify()
        assert status not in CRASHES, f"leased crashed with signal {-(status or 0)}; it said:\n{self.log()}"

    def _close_notify(self) -> None:
        if self.notify is not None:
            self.notify.close()
            self.notify = None

    # What can be seen of it

    def log(self) -> str:
        """The complete stderr of the last start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def memory(self) -> int:
        """Resident bytes."""
        return self._bytes("VmRSS:")

    def most_memory(self) -> int:
        """The peak of the resident bytes."""
        return self._bytes("VmHWM:")

    def _bytes(self, field: str) -> int:
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # Talking to it

    def connect(self, protocol: int = 2, timeout: float = 10.0) -> Connection:
        return Connection(str(self.socket), protocol, timeout)

    def redis(self, protocol: int = 2) -> redis.Redis:
        """A redis-py client that does not retry, so that each command is sent once."""
        return redis.Redis(
            unix_socket_path=str(self.socket), protocol=protocol, retry=Retry(NoBackoff(), 0), socket_timeout=10
        )


def run_to_end(daemon: Daemon, within: float = STOPPED_WITHIN) -> int:
    """Starts a daemon that is expected to refuse, and returns its exit status; it must never say READY=1."""
    daemon.spawn()
    status = daemon.wait(within)
    assert daemon.notify is not None
    assert not any("READY" in m.fields for m in daemon.notify.messages), "a daemon that refuses said READY=1"
    return status


def assert_refused(daemon: Daemon, *named: str, statuses: tuple[int, ...] = tuple(range(64, 79))) -> None:
    """The daemon refuses to start: the exit status is one of `statuses` (sysexits), and the message names what is
    wrong.
    """
    status = run_to_end(daemon)
    assert status in statuses, f"exit status {status}, expected one of {statuses}; it said:\n{daemon.log()}"
    for text in named:
        assert text in daemon.log(), f"the message does not name {text!r}:\n{daemon.log()}"
