"""Who owns a store and a socket: one daemon each, even if two start at once; and how the command line refuses."""

import fcntl
import os
import socket
import stat
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.clock import eventually
from harness.daemon import Daemon, assert_refused
from harness.notify import NotifyListener
from harness.resp import OK, Simple

EX_USAGE = 64


def owner_of(path: Path) -> int:
    """The pid of the process that listens on a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
        return int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


def test_a_second_daemon_on_one_store_is_refused_with_the_firsts_pid(
    make_daemon: MakeDaemon, daemon: Daemon, name: str
) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
        second = make_daemon(store=daemon.store)
        assert_refused(second, str(daemon.pid), str(daemon.store))
        assert not second.socket.exists(), "it never listened"
        assert client.call("RENEW", name, token, "1h") > token, "the first goes on"
    daemon.restart()
    with daemon.connect() as client:
        assert client.call("CHECK", name, token) > 0


def test_a_second_daemon_on_one_store_by_another_path_is_refused(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(daemon.store.parent)
    assert_refused(make_daemon(store=link / daemon.store.name), str(daemon.pid))
    with daemon.connect() as client:
        assert client.call("PING") == Simple("PONG")


def test_a_second_daemon_on_one_socket_is_refused(make_daemon: MakeDaemon, daemon: Daemon, name: str) -> None:
    before = daemon.socket.stat().st_ino
    second = make_daemon(socket=daemon.socket)
    assert_refused(second, str(daemon.socket))
    assert daemon.socket.stat().st_ino == before, "a live daemon's socket is never replaced"
    assert owner_of(daemon.socket) == daemon.pid
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "30s")
        assert client.call("RELEASE", name, token) == OK


def test_the_socket_of_a_killed_daemon_is_replaced(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
    daemon.kill()
    assert stat.S_ISSOCK(daemon.socket.stat().st_mode), "SIGKILL leaves it there"
    daemon.start()
    assert owner_of(daemon.socket) == daemon.pid
    with daemon.connect() as client:
        assert client.call("CHECK", name, token) > 0


def test_what_is_no_socket_is_never_replaced(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    assert_refused(make_daemon(socket=precious), str(precious))
    assert precious.read_text() == "keep me"


def test_of_two_that_start_at_once_on_one_socket_one_wins(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "contended"
    contenders = [make_daemon(tmp_path / f"c{i}", socket=path) for i in range(2)]
    for turn in range(25):
        for contender in contenders:
            contender.spawn()
        assert all(c.notify and c.process for c in contenders)
        eventually(lambda: sum(c.running() for c in contenders) == 1, 20, f"round {turn}: the loser's end")
        winner, loser = sorted(contenders, key=lambda c: not c.running())
        winner.await_ready()
        assert 64 <= loser.wait() <= 78, loser.log()
        assert owner_of(path) == winner.pid, f"round {turn}"
        if turn % 2:
            winner.stop()
        else:
            winner.kill()  # leaves its socket for the next round


def test_of_two_that_start_at_once_on_one_store_one_wins(make_daemon: MakeDaemon, tmp_path: Path, name: str) -> None:
    contenders = [make_daemon(tmp_path / f"c{i}", store=tmp_path / "contended.db") for i in range(2)]
    last = 0
    for turn in range(15):
        start = threading.Barrier(2)

        def launch(contender: Daemon, start: threading.Barrier = start) -> None:
            start.wait()
            contender.spawn()

        threads = [threading.Thread(target=launch, args=(contender,)) for contender in contenders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: sum(c.running() for c in contenders) == 1, 20, f"round {turn}: the loser's end")
        winner = next(c for c in contenders if c.running())
        winner.await_ready()
        with winner.connect() as client:
            token = client.call("TOKEN")
        assert token > last
        last = token
        winner.kill()


def test_the_folder_and_the_socket_have_safe_modes(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = make_daemon(socket=tmp_path / "new" / "run" / "s").start()
    for folder in (daemon.socket.parent, daemon.socket.parent.parent):
        assert folder.stat().st_mode & 0o022 == 0, "nobody else may put a socket there"
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660


def leased(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [binaries.path("leased"), *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_help_and_version() -> None:
    shown = leased("--help")
    assert shown.returncode == 0
    for flag in ("--socket", "--user", "--store", "--config", "--log-level", "--version"):
        assert flag in shown.stdout
    version = leased("--version")
    assert version.returncode == 0
    assert version.stdout.strip()


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--socket"], ["surplus"], ["--log-level", "loudest"]])
def test_wrong_usage_is_64(arguments: list[str]) -> None:
    refused = leased(*arguments)
    assert refused.returncode == EX_USAGE, refused.stderr
    assert refused.stderr.strip()
    assert refused.stdout == ""


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    refused = leased("--config", str(missing), "--socket", str(tmp_path / "s"), "--store", str(tmp_path / "db"))
    assert 64 <= refused.returncode <= 78
    assert str(missing) in refused.stderr


def test_user_is_the_socket_in_the_runtime_directory(tmp_path: Path) -> None:
    notify = NotifyListener(tmp_path / "n")
    process = subprocess.Popen(
        [binaries.path("leased"), "--user", "--store", str(tmp_path / "db")],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "NOTIFY_SOCKET": str(notify.path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert notify.wait_for(lambda m: m.fields.get("READY") == "1", 20) is not None
        assert owner_of(tmp_path / "leased" / "leased.sock") == process.pid
        assert (tmp_path / "leased").stat().st_mode & 0o022 == 0
    finally:
        process.terminate()
        status = process.wait(20)
        notify.close()
    assert status == 0


def test_a_start_waits_for_a_reader_that_makes_the_logs_index(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
    daemon.kill()
    index = Path(f"{daemon.store}-shm")
    with index.open("r+b") as locked:
        # The lock of a process that rebuilds the index after a crash (sqlite.org/walformat.html), for example a backup.
        fcntl.lockf(locked, fcntl.LOCK_EX, 1, 122)
        daemon.spawn()
        process = daemon.process
        assert process is not None

        def is_there() -> bool:
            descriptors = Path(f"/proc/{process.pid}/fd")
            return process.poll() is not None or any(
                os.path.realpath(descriptor) == str(index.resolve()) for descriptor in descriptors.iterdir()
            )

        eventually(is_there, what="the daemon's look at the index")
    daemon.await_ready()
    with daemon.connect() as client:
        assert client.call("CHECK", name, token) > 0


def test_what_only_the_start_needed_of_the_program_is_given_back(daemon: Daemon) -> None:
    with daemon.connect() as client:
        assert client.call("PING") == Simple("PONG")

    def is_given_back() -> bool:
        return daemon.memory() < 0.9 * daemon.most_memory()

    eventually(is_given_back, what="less memory than the start needed")
