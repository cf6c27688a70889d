"""A machine for one test: a real systemd as PID 1, in namespaces, over a throw-away copy of this machine's disk."""

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import binaries
from .clock import eventually
from .notify import NotifyListener
from .resp import ClosedError, Connection, Simple

BOOT = Path(__file__).parents[1] / "systemd" / "boot.sh"
BOOTED_WITHIN = 60.0
SOCKET = "/run/leased/leased.sock"

Done = subprocess.CompletedProcess[str]


@functools.cache
def unavailable() -> str | None:
    """Why no machine can be booted here, or `None` if one can."""
    if os.geteuid() != 0:
        return "needs root: it boots a systemd in namespaces"
    if not Path("/lib/systemd/systemd").exists():
        return "needs systemd (Debian's package systemd)"
    for program in ["unshare", "nsenter", "setpriv", "ip", "pivot_root", "systemd-sysusers"]:
        if shutil.which(program) is None:
            return f"needs the program {program}"
    with open("/proc/filesystems") as kinds:
        known = kinds.read().split()
    for kind in ["overlay", "cgroup2"]:
        if kind not in known:
            return f"needs a kernel with {kind}"
    allowed = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
    )
    return f"needs mounts and namespaces: {allowed.stderr.strip()}" if allowed.returncode else None


def stage(folder: Path) -> Path:
    """The files that the project installs, laid out as on a machine: programs, units, the user, the configuration's
    folder.
    """
    units = binaries.REPOSITORY / "systemd"
    for program, place in [("leased", "usr/sbin"), ("leasectl", "usr/bin")]:
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(binaries.path(program), folder / place / program)
    for source, place in [
        ("system", "usr/lib/systemd/system"),
        ("user", "usr/lib/systemd/user"),
        ("sysusers.d", "usr/lib/sysusers.d"),
    ]:
        shutil.copytree(units / source, folder / place)
    (folder / "etc/leased").mkdir(parents=True)
    # The folders get the modes that they have on any machine, whatever this process's umask is.
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    folder.chmod(0o755)
    return folder


def _mount_cgroups(folder: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"cgroup2", os.fsencode(folder), b"cgroup2", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "cannot mount the tree of cgroups")


def _unmount(folder: Path) -> None:
    ctypes.CDLL(None).umount2(os.fsencode(folder), 2)


@contextlib.contextmanager
def _cgroups(folder: Path) -> Iterator[Path]:
    """The whole tree of cgroups, mounted for a moment."""
    folder.mkdir(exist_ok=True)
    _mount_cgroups(folder)
    try:
        yield folder
    finally:
        _unmount(folder)
        folder.rmdir()


class Machine:
    """A booted machine with leased installed but not started."""

    def __init__(self, folder: Path, staged: Path) -> None:
        self.folder, self._staged = folder, staged
        self._group = f"leased-test-{os.getpid()}-{folder.name}"
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> "Machine":
        for part in ["memory", "out"]:
            (self.folder / part).mkdir(parents=True)
        self._notify = NotifyListener(self.folder / "out" / "notify")
        with _cgroups(self.folder / "cgroups") as tree:
            (tree / self._group).mkdir()
            group = os.open(tree / self._group / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)

        def join() -> None:
            os.write(group, b"0")

        try:
            process = self._process = subprocess.Popen(
                [
                    *["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
                    *["--uts", "--ipc", "--net", str(BOOT), str(self.folder), str(self._staged), self._group],
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=(self.folder / "out" / "boot").open("wb"),
                # The child joins its group before it is anything else.
                preexec_fn=join,
            )
        finally:
            os.close(group)
        ready = self._notify.wait_for(
            lambda m: m.fields.get("READY") == "1", BOOTED_WITHIN, give_up=lambda: process.poll() is not None
        )
        assert ready is not None, f"the machine did not boot: {(self.folder / 'out' / 'boot').read_text()}"
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            self.pid = int(children.read().split()[0])
        self.must("systemd-sysusers")
        # A container's ban on starting services, which a package's scripts would obey.
        self.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        return self

    def discard(self) -> None:
        """Ends the machine as a power cut does. Its mounts end with its processes; its cgroups are removed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        with _cgroups(self.folder / "cgroups") as tree:
            group = tree / self._group
            if group.exists():
                (group / "cgroup.kill").write_text("1")
                eventually(lambda: "populated 0" in (group / "cgroup.events").read_text(), 20, "the machine's end")
                for path in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
                    path.rmdir()
                group.rmdir()
        self._notify.close()

    # Its disk

    def path(self, inside: str) -> Path:
        """The path from here of a path in the machine."""
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """Writes a file of the machine; a unit's needs `reload_units` afterwards."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)

    def drop_in(self, unit: str, text: str) -> None:
        """Changes a unit as an administrator does, and reloads the manager."""
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.reload_units()

    def unit(self, name: str, text: str) -> None:
        """Adds a unit, and reloads the manager."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.reload_units()

    def reload_units(self) -> None:
        self.must("systemctl", "daemon-reload")

    # Its processes

    def command(self, *words: str, user: str | None = None, groups: str | None = None) -> list[str]:
        """The command that runs `words` in the machine, as root or as another user."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        clean = ["env", "--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/tmp"]
        become: list[str] = []
        if user is not None:
            group = f"--groups={groups}" if groups else "--clear-groups"
            become = ["setpriv", f"--reuid={user}", f"--regid={groups or user}", group]
        return [*enter, "--", *clean, *become, *words]

    def run(self, *words: str, user: str | None = None, groups: str | None = None, **details: Any) -> Done:
        """Runs it to its end, and returns status and output."""
        details.setdefault("timeout", 60)
        command = self.command(*words, user=user, groups=groups)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", **details)

    def must(self, *words: str, **details: Any) -> str:
        """The output of a command that must succeed."""
        done = self.run(*words, **details)
        assert done.returncode == 0, f"{words}: status {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def spawn(self, *words: str, **details: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*words, **details), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd="/"
        )

    # Its units

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.must("systemctl", "show", "--value", f"--property={name}", unit)

    def state(self, unit: str) -> str:
        return self.show(unit, "ActiveState")

    def becomes(self, unit: str, state: str, within: float = 30.0) -> None:
        eventually(lambda: self.state(unit) == state, within, f"{unit} to be {state} (it is {self.state(unit)})")

    def main_pid(self, unit: str = "leased.service") -> int:
        """The main process of a unit, by its number in the machine; 0 if it has none."""
        return int(self.show(unit, "MainPID"))

    def signal(self, number: signal.Signals, unit: str = "leased.service") -> None:
        self.must("kill", f"-{number.value}", str(self.main_pid(unit)))

    def journal(self, unit: str = "leased.service") -> str:
        """Everything that a unit, and the manager about it, has logged."""
        self.run("journalctl", "--sync")
        return self.must("journalctl", f"--unit={unit}", "--output=cat", "--no-pager", "--quiet")

    def connect(self, socket: str = SOCKET, protocol: int = 2, timeout: float = 20.0) -> Connection:
        """A connection by the host's root."""
        # A path under /proc/PID/root may be long; the limit is 107 bytes.
        return Connection(str(self.path(socket)), protocol, timeout)


class Caller(threading.Thread):
    """Repeatedly connects, asks and disconnects. A connection that ends without an answer is tried again; one that is
    refused, or finds no socket, is a failure.
    """

    def __init__(self, machine: Machine) -> None:
        super().__init__(daemon=True)
        self.path = str(machine.path(SOCKET))
        self.answers = 0
        self.failure: BaseException | None = None
        self._stop_asked = threading.Event()

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                try:
                    with Connection(self.path, timeout=30) as client:
                        assert client.call("PING") == Simple("PONG")
                        self.answers += 1
                except (ClosedError, BrokenPipeError, ConnectionResetError):
                    continue
        except BaseException as error:
            self.failure = error

    def finish(self) -> int:
        self._stop_asked.set()
        self.join(60)
        assert not self.is_alive()
        assert self.failure is None, f"a client was refused: {self.failure!r}"
        return self.answers
