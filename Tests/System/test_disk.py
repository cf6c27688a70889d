"""Failing syncs, full disks, power losses, and files that are not what they should be."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness.daemon import Daemon, assert_refused
from harness.faults import MountNamespace, Trace, cut_power
from harness.resp import OK, ClosedError, Connection, ReplyError

EX_CANTCREAT, EX_IOERR = 73, 74


def acquire_until_cut(daemon: Daemon, prefix: str, most: int) -> dict[str, int]:
    """Acquires leases one after the other until the connection is closed; returns what was answered."""
    answered: dict[str, int] = {}
    with contextlib.suppress(ClosedError, BrokenPipeError, ConnectionError), daemon.connect() as client:
        for i in range(most):
            client.send("ACQUIRE", f"{prefix}/{i}", "1h", "REQUEST", f"{i:032}")
            reply = client.receive()
            assert type(reply) is int, f"a failed sync is not answered, but this was: {reply!r}"
            answered[f"{prefix}/{i}"] = reply
    return answered


def assert_all_held(client: Connection, answered: dict[str, int]) -> None:
    for lease, token in answered.items():
        held = client.holder(lease)
        assert held is not None, f"{lease} was granted and is lost"
        assert held["token"] == token


# A failing sync


def test_a_failed_sync_is_not_answered_and_the_file_decides(daemon: Daemon, name: str) -> None:
    before = acquire_until_cut(daemon, name + "/before", 5)
    assert len(before) == 5
    with daemon.connect() as idle, daemon.connect() as client, Trace(daemon.pid, "fdatasync,fsync", "error=EIO"):
        client.send("ACQUIRE", name, "1h", "REQUEST", "r" * 32)
        with pytest.raises(ClosedError):
            client.receive()
        assert idle.at_end(), "all connections are closed"
        assert daemon.wait() == EX_IOERR
    daemon.start()
    with daemon.connect() as client:
        assert_all_held(client, before)
        shown = client.holder(name)
        token = client.call("ACQUIRE", name, "1h", "REQUEST", "r" * 32)
        assert shown is None or shown["token"] == token, "the request id tells what became of it"
        assert token > max(before.values())


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 6, 9, 14])
def test_whichever_sync_fails_what_was_answered_holds(make_daemon: MakeDaemon, name: str, nth: int) -> None:
    calls = "fdatasync,fsync"
    fault = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={nth}+"]
    daemon = make_daemon(prefix=["strace", "-f", "-qq", "-o", "/dev/null", *fault])
    daemon.spawn()
    answered: dict[str, int] = {}
    with contextlib.suppress(AssertionError):
        daemon.await_ready()
    if daemon.pid:
        answered = acquire_until_cut(daemon, name, 40)
        assert len(answered) < 40, "a sync failed"
    status = daemon.wait()
    assert 64 <= status <= 78, f"exit status {status}; it said:\n{daemon.log()}"
    assert daemon.log().strip(), "and it says why"
    daemon.prefix, daemon.pid = [], 0
    daemon.start()
    with daemon.connect() as client:
        assert_all_held(client, answered)
        for i in range(len(answered), len(answered) + 1):
            token = client.call("ACQUIRE", f"{name}/{i}", "1h", "REQUEST", f"{i:032}")
            assert token > max(answered.values(), default=0)


@pytest.mark.parametrize("call", ["fdatasync,fsync", "pwrite64", "ftruncate", "unlink", "openat"])
def test_a_death_while_the_store_is_made_leaves_nothing_in_the_way(
    make_daemon: MakeDaemon, name: str, call: str
) -> None:
    """Killed at each of the system calls of the very first start; each time the next start must succeed."""
    for nth in range(1, 40):
        fault = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"]
        daemon = make_daemon(prefix=["strace", "-f", "-qq", "-o", "/dev/null", *fault])
        daemon.spawn()
        try:
            daemon.await_ready()
        except AssertionError:
            died = True
        else:
            died = False
            daemon.discard()
        daemon.wait()
        daemon.prefix, daemon.pid = [], 0
        daemon.start()
        with daemon.connect() as client:
            assert client.call("ACQUIRE", name, "30s") > 0, f"after death at call {nth} of {call}"
        daemon.kill()
        if not died:
            break


# A full disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[MountNamespace, Path]]:
    """A small disk for one test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with MountNamespace('mount -t tmpfs -o size=4m,mode=755 tmpfs "$DISK"', {"DISK": str(folder)}) as namespace:
        yield namespace, folder


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        for size in (65_536, 4_096):
            with contextlib.suppress(OSError):
                while ballast.write(b"\0" * size) == size:
                    pass


@pytest.mark.root
def test_a_full_disk_is_ioerr_and_service_comes_back(
    make_daemon: MakeDaemon, disk: tuple[MountNamespace, Path], name: str
) -> None:
    namespace, folder = disk
    daemon = make_daemon(prefix=namespace.prefix, store=folder / "leased.db").start()
    ballast = namespace.path(folder) / "ballast"
    with daemon.connect() as client, daemon.connect() as other:
        answered = {f"{name}/first": client.call("ACQUIRE", f"{name}/first", "1h")}
        for turn in range(3):
            fill(ballast)
            refused = ""
            for i in range(20_000):
                lease = f"{name}/{turn}/{i}/{'x' * 800}"
                client.send("ACQUIRE", lease, "1h", "OWNER", "o" * 200)
                reply = client.receive()
                if isinstance(reply, ReplyError):
                    assert reply.word == "IOERR", reply
                    refused = lease
                    break
                answered[lease] = reply
            assert refused, "the disk was never full"
            assert client.call("HOLDER", refused) is None, "nothing of the refused command was applied"
            assert other.call("CHECK", f"{name}/first", answered[f"{name}/first"]) > 0, "what was granted stays"
            assert other.error("RENEW", f"{name}/first", 1, "1h") == "EXPIRED"
            assert len(other.leases("PREFIX", name)) == len(answered), "what is held can be listed"
            refusals = re.findall(r"refused_commits:(\d+)|errorstat_IOERR:count=(\d+)", other.call("INFO").decode())
            assert len(refusals) == 2, "both are counted"
            ballast.unlink()
            token = client.call("ACQUIRE", refused, "1h")
            assert token > max(answered.values()), "service again once there is room"
            answered[refused] = token
        assert len(client.leases("PREFIX", name)) == len(answered)
    assert "commit refused" in daemon.log()
    assert "the store takes commits again" in daemon.log()
    daemon.restart()
    with daemon.connect() as client:
        assert_all_held(client, answered)


@pytest.mark.root
def test_all_of_a_batch_is_refused_on_a_full_disk(
    make_daemon: MakeDaemon, disk: tuple[MountNamespace, Path], name: str
) -> None:
    namespace, folder = disk
    daemon = make_daemon(prefix=namespace.prefix, store=folder / "leased.db").start()
    held: dict[str, int] = {}
    clients = [daemon.connect() for _ in range(10)]
    fill(namespace.path(folder) / "ballast")
    failed = 0
    for turn in range(2_000):
        for number, client in enumerate(clients):
            client.send("ACQUIRE", f"{name}/{turn}/{number}/{'x' * 800}", "1h")
        for number, client in enumerate(clients):
            reply = client.receive()
            if isinstance(reply, int):
                held[f"{name}/{turn}/{number}/{'x' * 800}"] = reply
            else:
                assert reply.word == "IOERR"
                failed += 1
        if failed >= 50:
            break
    assert failed, "the disk was never full"
    assert len(clients[0].leases("PREFIX", name)) == len(held), "memory is as it was"
    for client in clients:
        client.close()
    (namespace.path(folder) / "ballast").unlink()
    daemon.restart()
    with daemon.connect() as client:
        assert_all_held(client, held)
        assert len(client.leases("PREFIX", name)) == len(held), "and so is the disk"


# Lost power


# Before, during and after the WAL gets its length.
@pytest.mark.root
@pytest.mark.parametrize("count", [50, 110, 250])
def test_what_was_answered_survives_lost_power(make_daemon: MakeDaemon, tmp_path: Path, name: str, count: int) -> None:
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    setup = 'truncate -s 64M "$IMAGE"; mkfs.ext4 -q "$IMAGE"; mount -o loop,commit=300 "$IMAGE" "$DISK"; sync'
    with MountNamespace(setup, {"IMAGE": str(image), "DISK": str(folder)}) as namespace:
        daemon = make_daemon(prefix=namespace.prefix, store=folder / "leased.db").start()
        answered: dict[str, int] = {}
        with daemon.connect() as client:
            kept = client.call("ACQUIRE", f"{name}/kept", "1h")
            answered[f"{name}/kept"] = client.call("RENEW", f"{name}/kept", kept, "1h")
            gone = client.call("ACQUIRE", f"{name}/gone", "1h")
            assert client.call("RELEASE", f"{name}/gone", gone) == OK
        answered |= acquire_until_cut(daemon, name, count)
        cut_power(namespace.path(folder))
        with contextlib.suppress(ClosedError, BrokenPipeError, ConnectionError), daemon.connect() as client:
            # A write that fails before the sync is IOERR; a sync that fails gets no answer.
            assert client.error("ACQUIRE", f"{name}/after", "1h") == "IOERR", "no promise on a disk without power"
        if daemon.running():
            daemon.kill()
        namespace.run('umount "$DISK"; mount -o loop "$IMAGE" "$DISK"')
        daemon.start()
        with daemon.connect() as client:
            assert_all_held(client, answered)
            assert client.error("CHECK", f"{name}/gone", gone) == "EXPIRED"
            assert client.call("TOKEN") > max(answered.values())
        daemon.stop()


# Files that are not what they should be


def test_a_file_that_is_no_database_is_refused_and_left_alone(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    for number, content in enumerate(
        [b"precious notes\n" * 100, os.urandom(16_384), b"SQLite format 3\0" + b"\xff" * 8_000]
    ):
        store = tmp_path / f"notes{number}"
        store.write_bytes(content)
        assert_refused(make_daemon(store=store), str(store))
        assert store.read_bytes() == content


def test_a_damaged_file_is_refused_and_left_alone(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon().start()
    with daemon.connect() as client:
        for i in range(300):
            client.call("ACQUIRE", f"{name}/{i}", "1h")
    daemon.stop()
    content = daemon.store.read_bytes()
    assert len(content) > 8_192
    damaged = content[:100] + b"\xa5" * (len(content) - 100)
    daemon.store.write_bytes(damaged)
    assert_refused(daemon, str(daemon.store))
    assert daemon.store.read_bytes() == damaged


@pytest.mark.parametrize("nth", [1, 2, 4, 5, 9, 17, 33])
@pytest.mark.parametrize("until", ["", "+"], ids=["once", "from then on"])
def test_a_page_that_cannot_be_read_is_no_damage(make_daemon: MakeDaemon, name: str, nth: int, until: str) -> None:
    """systemd tries again: the disk may deliver the page then, and the file is whole."""
    daemon = make_daemon().start()
    with daemon.connect() as client:
        for i in range(300):
            client.call("PUT", f"{name}/{i}", "x" * 400)
    daemon.stop()
    fault = f"inject=read,pread64:error=EIO:when={nth}{until}"
    daemon.prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", str(daemon.store), "-e", fault]
    daemon.spawn()
    try:
        daemon.await_ready()
    except AssertionError:
        assert daemon.wait() == EX_IOERR
        said = daemon.log()
        assert "cannot be read" in said or "disk I/O error" in said
        assert "damaged" not in said
    else:
        daemon.stop()
    daemon.prefix = []
    daemon.start()
    with daemon.connect() as client:
        assert client.call("GET", f"{name}/299") == b"x" * 400


def test_damage_in_the_leases_is_never_taken_for_free_leases(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon().start()
    with daemon.connect() as client:
        for i in range(300):
            client.call("ACQUIRE", f"{name}/{i}", "1h")
    daemon.stop()
    content = daemon.store.read_bytes()
    page = int.from_bytes(content[16:18], "big") or 65_536
    marked = [n for n in range(1, len(content) // page) if name.encode() in content[n * page : (n + 1) * page]]
    assert marked, "the leases are in the file"
    damaged = bytearray(content)
    for n in marked:
        damaged[n * page : n * page + 200] = b"\xa5" * 200
    daemon.store.write_bytes(damaged)
    assert_refused(daemon, str(daemon.store))
    assert daemon.store.read_bytes() == damaged


def test_a_newer_schema_is_refused_and_left_alone(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon().start()
    with daemon.connect() as client:
        client.call("ACQUIRE", name, "1h")
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.store)) as file, file:
        tables = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "grdb_migrations" in tables:
            file.execute("INSERT INTO grdb_migrations VALUES ('of a later release')")
        else:
            file.execute("PRAGMA user_version = 1000000")
    content = daemon.store.read_bytes()
    assert_refused(daemon, str(daemon.store))
    assert daemon.store.read_bytes() == content


@pytest.mark.root
def test_a_folder_that_cannot_be_written_is_refused(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with MountNamespace('mount -t tmpfs -o ro tmpfs "$DISK"', {"DISK": str(folder)}) as namespace:
        daemon = make_daemon(prefix=namespace.prefix, store=folder / "leased.db")
        assert_refused(daemon, str(daemon.store.parent), statuses=(EX_CANTCREAT, EX_IOERR, 77))


@pytest.mark.root
def test_a_file_that_cannot_be_written_is_refused(make_daemon: MakeDaemon, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with MountNamespace('mount -t tmpfs tmpfs "$DISK"', {"DISK": str(folder)}) as namespace:
        daemon = make_daemon(prefix=namespace.prefix, store=folder / "leased.db").start()
        with daemon.connect() as client:
            token = client.call("ACQUIRE", name, "1h")
        daemon.stop()
        namespace.run('mount -o remount,ro "$DISK"')
        assert_refused(daemon, str(daemon.store), statuses=(EX_CANTCREAT, EX_IOERR, 77))
        namespace.run('mount -o remount,rw "$DISK"')
        daemon.start()
        with daemon.connect() as client:
            assert client.call("CHECK", name, token) > 0
