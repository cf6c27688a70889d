"""Starts and stops servers, and inspects them through /proc."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ServerFailedError(Exception):
    """A server ended, or did not become ready; the message contains the end of its log."""


class Server:
    """A server process that is stopped at the latest when the program ends."""

    STOPS_WITHIN = 60.0

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self.spawned_at = time.monotonic()
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**_plain_environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                # A terminal's ^C reaches only the driver, which then stops its servers in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises if the process has ended."""
        if (status := self._process.poll()) is not None:
            raise ServerFailedError(f"it ended with {status}; its log ends with:\n{self._end_of_log()}")

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Stops the process, and returns how long that took, in seconds."""
        began = time.monotonic()
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(self.STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - began

    def _end_of_log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-15:])


class NotifySocket:
    """The socket on which a daemon reports its state to the service manager: sd_notify(3). All messages are read, as a
    manager does.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._ready_at: float | None = None
        self._is_ready = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self._path)}

    def await_ready(self, server: Server, within: float = 120.0) -> float:
        """Waits for READY=1, and returns the seconds since the server was spawned."""
        end = time.monotonic() + within
        while not self._is_ready.wait(0.5):
            server.check()
            if time.monotonic() > end:
                raise ServerFailedError(f"it was not ready within {within:.0f} s")
        assert self._ready_at is not None
        return self._ready_at - server.spawned_at

    def close(self) -> None:
        # An empty message from this process ends the reader.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self._path))
        self._reader.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        while message := self._socket.recv(4096):
            if b"READY=1" in message.split(b"\n") and not self._is_ready.is_set():
                self._ready_at = time.monotonic()
                self._is_ready.set()


@dataclass(frozen=True)
class Memory:
    """Resident memory in bytes, and the part of it that is not backed by a file."""

    resident: int
    anonymous: int

    @classmethod
    def of(cls, pid: int) -> "Memory":
        fields = _status(Path(f"/proc/{pid}/status"))
        return cls(resident=_kilobytes(fields["VmRSS"]), anonymous=_kilobytes(fields["RssAnon"]))


def wake_ups(pid: int) -> dict[tuple[str, str], int]:
    """How often each thread has begun to wait so far, by its number and name."""
    counts: dict[tuple[str, str], int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = _status(task / "status")
        counts[task.name, fields["Name"]] = int(fields["voluntary_ctxt_switches"])
    return counts


def _status(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _kilobytes(text: str) -> int:
    return int(text.split()[0]) * 1024


def _plain_environment() -> dict[str, str]:
    """The environment without variables that would change a server's behaviour without the report saying so."""
    prefixes = ("LEASED_", "LEASE_", "ETCD_", "PG", "NOTIFY_", "WATCHDOG_", "LISTEN_", "JOURNAL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
