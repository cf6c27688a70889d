"""What a service manager sees: readiness, status, watchdog, socket activation, the journal's log format."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.faults import FrozenThread, Trace, threads_in_epoll
from harness.notify import NotifyListener
from harness.resp import Connection, Simple

WATCHDOG = 2.0
WATCHDOG_ENVIRONMENT = {"WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}


def test_ready_means_that_the_socket_answers(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    for _ in range(20):
        daemon.spawn()
        assert daemon.process is not None
        daemon.await_ready()
        with daemon.connect() as client:  # no retry: READY=1 was the promise
            assert client.call("PING") == Simple("PONG")
        assert daemon.pid == daemon.process.pid, "the notification comes from the main process"
        daemon.kill()


def test_ready_comes_once_and_stopping_when_it_stops(daemon: Daemon) -> None:
    assert daemon.notify is not None
    notify = daemon.notify
    daemon.signal(signal.SIGTERM)
    assert notify.wait_for(lambda m: m.fields.get("STOPPING") == "1", 10) is not None
    assert daemon.wait() == 0
    assert sum("READY" in m.fields for m in notify.messages) == 1


def test_status_has_live_figures(daemon: Daemon, name: str) -> None:
    assert daemon.notify is not None

    def status_with(number: int) -> bool:
        assert daemon.notify is not None
        pattern = re.compile(rf"(?<!\d){number}(?!\d)")
        return daemon.notify.wait_for(lambda m: bool(pattern.search(m.fields.get("STATUS", ""))), 30) is not None

    with daemon.connect() as client:
        for i in range(37):
            client.call("ACQUIRE", f"{name}/{i}", "1h")
        assert status_with(37), "leases held"
    connections = [daemon.connect() for _ in range(53)]
    assert status_with(53), "connections"
    for connection in connections:
        connection.close()


# The watchdog


def pings(daemon: Daemon, since: float) -> list[float]:
    assert daemon.notify is not None
    return [m.at for m in daemon.notify.since(since) if m.fields.get("WATCHDOG") == "1"]


def test_the_watchdog_is_fed_at_about_half_its_time(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(environment=WATCHDOG_ENVIRONMENT).start()
    eventually(lambda: len(pings(daemon, daemon.ready_at)) >= 5, 10, "five pings")
    arrivals = pings(daemon, daemon.ready_at)
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert max(gaps) < WATCHDOG * 0.9
    assert sum(gaps) / len(gaps) > WATCHDOG * 0.3


def test_without_a_watchdog_there_are_no_pings(daemon: Daemon) -> None:
    pass_instant(daemon.ready_at + 1.5)
    assert pings(daemon, 0) == []


def test_a_watchdog_meant_for_another_process_is_not_fed(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(environment={**WATCHDOG_ENVIRONMENT, "WATCHDOG_PID": "1"}).start()
    pass_instant(daemon.ready_at + WATCHDOG)
    assert pings(daemon, 0) == []


def test_a_stopped_process_does_not_ping(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(environment=WATCHDOG_ENVIRONMENT).start()
    eventually(lambda: pings(daemon, 0), 10, "the first ping")
    daemon.signal(signal.SIGSTOP)
    stopped = now()
    pass_instant(stopped + 1.5 * WATCHDOG)
    assert pings(daemon, stopped + 0.1) == []
    daemon.signal(signal.SIGCONT)
    continued = now()
    eventually(lambda: pings(daemon, continued), 10, "pings again")


def answers(daemon: Daemon) -> bool:
    with daemon.connect(timeout=0.5) as client, contextlib.suppress(TimeoutError):
        return bool(client.call("PING") == Simple("PONG"))
    return False


@pytest.mark.root
def test_a_stuck_engine_is_not_fed(make_daemon: MakeDaemon) -> None:
    """The engine's thread is frozen; every other thread continues."""
    daemon = make_daemon(environment=WATCHDOG_ENVIRONMENT).start()
    eventually(lambda: pings(daemon, 0), 10, "the first ping")

    def engine() -> int:
        """The thread without which no command is answered, found while it waits for one."""
        for thread in threads_in_epoll(daemon.pid):
            with FrozenThread(thread):
                if not answers(daemon):
                    return thread
        return 0

    with FrozenThread(eventually(engine, 20, "the search for the engine's thread")):
        frozen = now()
        assert not answers(daemon)
        pass_instant(frozen + 2 * WATCHDOG)
        # A ping that was under way at the moment of the freeze may have been sent.
        assert pings(daemon, frozen + 0.1) == [], "the watchdog was fed although no command is answered"
    thawed = now()
    eventually(lambda: pings(daemon, thawed), 10, "pings again")


@pytest.mark.root
def test_a_slow_commit_is_no_hang(make_daemon: MakeDaemon, name: str) -> None:
    """Each sync takes 1.5 s: longer than half of the watchdog's time, but no reason for a kill."""
    daemon = make_daemon(environment=WATCHDOG_ENVIRONMENT).start()
    eventually(lambda: pings(daemon, 0), 10, "the first ping")
    with daemon.connect(timeout=30) as client:
        started = now()
        with Trace(daemon.pid, "fdatasync", "delay_enter=1500000"):
            for i in range(4):
                assert client.call("ACQUIRE", f"{name}/{i}", "1h") > 0
        arrivals = [started, *pings(daemon, started), now()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert max(gaps) < WATCHDOG, f"a service manager would have killed it: {gaps}"


# Reloads


def test_no_reload_is_told_behind_a_stop(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """A HUP before a TERM, while an earlier HUP is being handled."""
    configuration = tmp_path / "leased.yaml"
    # Long enough to read that both signals come meanwhile.
    configuration.write_text("administrators: {users: [" + ", ".join(str(uid) for uid in range(1, 50_000)) + "]}\n")
    daemon = make_daemon(arguments=["--config", str(configuration)]).start()
    assert daemon.notify is not None
    seen = len(daemon.notify.messages)
    daemon.signal(signal.SIGHUP)
    assert daemon.notify.wait_for(lambda m: "RELOADING" in m.fields, 30, after=seen) is not None
    daemon.signal(signal.SIGHUP)
    daemon.stop()
    messages = daemon.notify.messages[seen:]
    told = [name for message in messages for name in ("RELOADING", "STOPPING") if name in message.fields]
    assert told[told.index("STOPPING") :] == ["STOPPING"]


# Socket activation


@contextlib.contextmanager
def activated(folder: Path):  # type: ignore[no-untyped-def]
    """`leased` behind systemd-socket-activate: started by the first connection, with the socket passed to it."""
    folder.mkdir()
    path, notify = folder / "s", NotifyListener(folder / "n")
    with (folder / "stderr").open("wb") as log:
        process = subprocess.Popen(
            [
                *["systemd-socket-activate", "-E", f"NOTIFY_SOCKET={notify.path}", "-l", str(path)],
                *[binaries.path("leased"), "--socket", str(path), "--store", str(folder / "leased.db")],
            ],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        eventually(lambda: path.is_socket() and "Listening" in (folder / "stderr").read_text(), 10, "the listener")
        yield process, path, notify
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        notify.close()


def test_a_passed_socket_is_served_and_never_removed(tmp_path: Path, name: str) -> None:
    with activated(tmp_path / "a") as (process, path, notify):
        before = path.stat().st_ino
        with Connection(str(path), timeout=20) as client:
            assert client.call("ACQUIRE", name, "1h") > 0, "the connection that started it is served"
            assert f"socket:{path}\r\n" in client.call("INFO", "server").decode(), "whatever the configuration says"
        assert notify.wait_for(lambda m: m.fields.get("READY") == "1", 10) is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert path.stat().st_ino == before, "an activated socket belongs to the service manager"


# The log


LEVELS = r"<[0-7]>"


def test_lines_for_people_have_a_time(daemon: Daemon) -> None:
    daemon.stop()
    lines = daemon.log().splitlines()
    assert lines, "a start and a stop are logged"
    for line in lines:
        assert re.search(r"(?<!\d)\d\d:\d\d:\d\d(?!\d)", line), line


def test_lines_for_the_journal_have_a_priority(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        told = os.fstat(stderr.fileno())
        notify = NotifyListener(tmp_path / "n")
        process = subprocess.Popen(
            [binaries.path("leased"), "--socket", str(tmp_path / "s"), "--store", str(tmp_path / "db")],
            env={**os.environ, "JOURNAL_STREAM": f"{told.st_dev}:{told.st_ino}", "NOTIFY_SOCKET": str(notify.path)},
            stderr=stderr,
        )
    try:
        assert notify.wait_for(lambda m: m.fields.get("READY") == "1", 20) is not None
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        notify.close()
    lines = log.read_text().splitlines()
    assert lines
    for line in lines:
        assert re.match(LEVELS, line), line
        assert not re.match(LEVELS + r"\d{4}-\d\d-\d\d", line), "the journal knows the time itself"


def test_a_journal_stream_of_another_file_means_nothing(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(environment={"JOURNAL_STREAM": "1:1"}).start()
    daemon.stop()
    assert not any(re.match(LEVELS, line) for line in daemon.log().splitlines())


def test_the_notification_socket_may_be_gone(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [binaries.path("leased"), "--socket", str(tmp_path / "s"), "--store", str(tmp_path / "db")],
        env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "nobody")},
        stderr=subprocess.DEVNULL,
    )
    try:

        def answers() -> bool:
            with (
                contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
                Connection(str(tmp_path / "s")) as client,
            ):
                return bool(client.call("PING") == Simple("PONG"))
            return False

        eventually(answers, 20, "an answer")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_no_descriptor_leaks_into_nothing(daemon: Daemon) -> None:
    """The daemon's own sockets are close-on-exec: the flags are read from /proc, since the daemon starts no process."""
    with daemon.connect() as client:
        # Answered, so everything that the start opened temporarily is closed by now.
        client.call("PING")
        links = {fd: os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon.pid}/fd")}
        for fd, target in links.items():
            if target.startswith("socket:") and int(fd) > 2:
                with open(f"/proc/{daemon.pid}/fdinfo/{fd}") as info:
                    flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
                assert flags & os.O_CLOEXEC, f"descriptor {fd} ({target}) would be inherited"
