"""`leasectl backup` of a live store, and `leased --restore`: a whole copy, restored as a whole, even if either dies."""

import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.ctl import Ctl
from harness.daemon import Daemon, assert_refused
from harness.resp import OK, pairs
from harness.store import Entry, export, load, ranged
from harness.users import STRANGER

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_CANTCREAT, EX_NOPERM = 64, 65, 66, 69, 73, 77

ENTRIES = [
    Entry(b"empty", b""),
    Entry(b"every byte", bytes(range(256)), [b"\x00", b"\xc3\x28", b"\xff\xff"]),
    Entry(b"\x00\xff", None, [b"child"]),
    Entry(b"long" * 256, bytes(1 << 18)),
]
KEYS = [entry.key for entry in ENTRIES]


@dataclass
class Done:
    """The outcome of a command."""

    status: int
    said: str


def restore(store: Path, backup: Path, *arguments: str, prefix: list[str] | None = None) -> Done:
    """Runs `leased --restore` to its end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LEASED_", "NOTIFY_"))}
    command = [*(prefix or []), binaries.path("leased"), "--restore", str(backup), "--store", str(store)]
    ended = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return Done(ended.returncode, ended.stdout + ended.stderr)


def restored(store: Path, backup: Path, *arguments: str) -> str:
    """The output of a restore that must succeed."""
    done = restore(store, backup, *arguments)
    assert done.status == 0, f"status {done.status}: {done.said}"
    return done.said


def backed_up(daemon: Daemon, backup: Path, *arguments: str) -> Path:
    done = Ctl(daemon)("backup", *arguments, str(backup))
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr}"
    assert done.stdout == ""
    return backup


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_store_goes_into_a_backup_and_back_with_every_kind(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path
) -> None:
    with daemon.connect() as client:
        load(client, ENTRIES)
        token = client.call("ACQUIRE", "held", "1h", "OWNER", "me")
        renewed = client.call("RENEW", "held", token, "1h")
        backup = backed_up(daemon, tmp_path / "backup")
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        # Later changes are not in it.
        client.call("PUT", "empty", "changed")
        client.call("PUT", "later", "x")
        all_keys = ranged(client, 0, 0)
    daemon.stop()
    other = make_daemon()
    said = restored(other.store, backup)
    assert "tenures_kept=1" in said.replace('"', "")
    other.start()
    with other.connect() as client:
        assert export(client, *KEYS) == ENTRIES
        assert ranged(client, 0, 0) == [key for key in all_keys if key != b"later"]
        holder = pairs(client.call("HOLDER", "held"))
        assert (holder["fence"], holder["token"], holder["owner"]) == (token, renewed, b"me")
        assert 3590_000 < holder["remaining_ms"] <= 3600_000
        assert client.call("CHECK", "held", token) > 0
        assert client.call("PUT", "k", "v", "IF", "held", renewed) == OK
        assert client.call("TOKEN") > renewed


def test_what_hung_on_a_connection_is_over_in_what_is_restored(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path
) -> None:
    with daemon.connect() as client, daemon.connect() as tie:
        client.call("ACQUIRE", "by time", "1h")
        client.call("ACQUIRE", "bound", "1h", "BIND")
        token = client.call("ACQUIRE", "tied", "1h")
        assert tie.call("TIE", "tied", token) == OK
        backup = backed_up(daemon, tmp_path / "backup")
    daemon.stop()
    other = make_daemon()
    said = restored(other.store, backup).replace('"', "")
    assert "tenures_kept=1" in said.split()
    assert "tenures_dropped=2" in said.split()
    other.start()
    with other.connect() as client:
        assert [pairs(lease)["name"] for lease in client.call("LEASES")] == [b"by time"]
        assert client.call("ACQUIRE", "tied", "30s") > token


def test_the_daemon_serves_while_it_is_copied_and_the_copy_is_of_one_instant(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path
) -> None:
    ended = threading.Event()
    failures: list[Exception] = []

    def write() -> None:
        try:
            with daemon.connect() as client:
                count = 0
                while not ended.is_set():
                    count += 1
                    # Two keys that change in one commit: at no instant do they differ.
                    load(client, [Entry(b"left", b"%d" % count), Entry(b"right", b"%d" % count)])
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    with daemon.connect() as client:
        load(client, [Entry(b"left", b"0"), Entry(b"right", b"0")])
        for number in range(60):
            client.call("PUT", f"bulk {number}", bytes(1 << 20))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        backups = [backed_up(daemon, tmp_path / f"backup {number}") for number in range(3)]
    finally:
        ended.set()
        writer.join()
    assert not failures
    seen = []
    for backup in backups:
        other = make_daemon()
        restored(other.store, backup)
        other.start()
        with other.connect() as client:
            left, right = client.call("GET", "left"), client.call("GET", "right")
            assert left == right
            seen.append(int(left))
            assert len(client.call("KEYS", "LIST", "PREFIX", "bulk ")) == 60
        other.stop()
    assert seen == sorted(set(seen)), "each is of a later instant, while the writer goes on"


def test_a_backup_is_no_store_until_it_is_restored(make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    before = backup.read_bytes()
    refused = make_daemon(store=backup)
    assert_refused(refused, str(backup), "--restore", statuses=(EX_DATAERR,))
    assert backup.read_bytes() == before
    # In place of the store, where an administrator may have put it.
    daemon.stop()
    shutil.copy(backup, daemon.store)
    assert_refused(daemon, "--restore", statuses=(EX_DATAERR,))
    restored(daemon.store, daemon.store)
    daemon.start()


def test_a_running_daemons_store_is_not_replaced(daemon: Daemon, tmp_path: Path) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    with daemon.connect() as client:
        client.call("PUT", "later", "x")
        done = restore(daemon.store, backup)
        assert done.status == EX_UNAVAILABLE, done.said
        assert str(daemon.pid) in done.said
        assert client.call("GET", "later") == b"x"
    daemon.restart()
    with daemon.connect() as client:
        assert client.call("GET", "later") == b"x"


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_the_store_that_was_there_is_kept(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path, killed: bool
) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    with daemon.connect() as client:
        client.call("PUT", "later", "x")
    daemon.kill() if killed else daemon.stop()
    restored(daemon.store, backup)
    (kept,) = [path for path in daemon.store.parent.iterdir() if ".before-restore-" in path.name]
    daemon.start()
    with daemon.connect() as client:
        assert client.call("GET", "later") is None
    daemon.stop()
    old = make_daemon(store=kept).start()
    with old.connect() as client:
        assert client.call("GET", "later") == b"x"


def test_tokens_ahead_of_the_wall_clock_need_a_minimum(make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path) -> None:
    ahead = int(time.time() * 1e6) + 10**12
    with daemon.connect() as client:
        # An import brings tokens from another clock.
        assert client.call("IMPORT", "KEY", "k", "LEASE", ahead, 1) == OK
        backup = backed_up(daemon, tmp_path / "backup")
    daemon.stop()
    before = daemon.store.read_bytes()
    done = restore(daemon.store, backup)
    assert done.status == EX_USAGE
    assert "--min-token" in done.said
    assert str(ahead) in done.said
    assert daemon.store.read_bytes() == before
    restored(daemon.store, backup, "--min-token", str(ahead + 5000))
    daemon.start()
    with daemon.connect() as client:
        assert client.call("TOKEN") > ahead + 5000


@pytest.mark.parametrize("number", ["0", "-1", "x", "", str(2**52 + 1), str(2**64)])
def test_a_minimum_that_is_no_token_is_refused(daemon: Daemon, tmp_path: Path, number: str) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    daemon.stop()
    assert restore(daemon.store, backup, f"--min-token={number}").status == EX_USAGE


def test_the_command_line_of_restore(daemon: Daemon, tmp_path: Path) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    daemon.stop()
    alone = subprocess.run([binaries.path("leased"), "--min-token", "5"], capture_output=True, timeout=30)
    assert alone.returncode == EX_USAGE
    assert restore(daemon.store, tmp_path / "none").status == EX_NOINPUT
    assert restore(daemon.store, daemon.store).status == EX_DATAERR, "a store is no backup"
    (tmp_path / "text").write_text("not a backup, whatever its name says")
    assert restore(daemon.store, tmp_path / "text").status == EX_DATAERR
    assert restore(Path("/proc/leased.db"), backup).status in {EX_CANTCREAT, EX_NOPERM}


@pytest.mark.parametrize("change", [-4000, -1, 1, 4096])
def test_a_backup_of_another_length_is_not_whole(daemon: Daemon, tmp_path: Path, change: int) -> None:
    with daemon.connect() as client:
        for number in range(20):
            client.call("PUT", f"key{number}", "x" * 3000)
    backup = backed_up(daemon, tmp_path / "backup")
    os.truncate(backup, backup.stat().st_size + change)
    daemon.stop()
    before = daemon.store.read_bytes()
    refused = restore(daemon.store, backup)
    assert refused.status == EX_DATAERR
    assert daemon.store.read_bytes() == before


def test_what_backup_refuses(daemon: Daemon, tmp_path: Path) -> None:
    ctl, backup = Ctl(daemon), tmp_path / "backup"
    backup.write_text("mine")
    refused = ctl("backup", str(backup))
    assert refused.returncode == EX_CANTCREAT
    assert "--force" in refused.stderr
    assert backup.read_text() == "mine"
    backed_up(daemon, backup, "--force")
    assert backup.stat().st_size > 4096
    assert ctl("backup", "--force", str(daemon.store)).returncode == EX_CANTCREAT, "never over the store itself"
    linked = tmp_path / "linked"
    linked.symlink_to(daemon.store.parent)
    for store in [daemon.store, linked / daemon.store.name]:
        for beside in ["-wal", "-shm", "-journal", ".lock"]:
            own = ctl("backup", "--force", f"{store}{beside}")
            assert (own.returncode, "the store's own" in own.stderr) == (EX_CANTCREAT, True), "nor over what is beside it"
    assert ctl("backup", str(tmp_path / "no" / "backup")).returncode == EX_CANTCREAT
    assert ctl("backup", "--store", str(tmp_path / "none"), str(tmp_path / "new")).returncode == EX_NOINPUT
    assert ctl("backup", "--store", str(tmp_path), str(tmp_path / "new")).returncode == EX_DATAERR
    daemon.stop()
    gone = ctl("backup", str(tmp_path / "new"))
    assert gone.returncode == EX_UNAVAILABLE
    assert "--store" in gone.stderr
    assert ctl("backup", "--store", str(daemon.store), str(tmp_path / "new")).returncode == 0
    assert names(tmp_path) >= {"backup", "new"}
    assert not [name for name in names(tmp_path) if "partial" in name]


@pytest.mark.root
def test_a_stranger_gets_no_backup(daemon: Daemon, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    for parent in tmp_path.parents:
        if parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    daemon.store.parent.chmod(0o755)
    done = subprocess.run(
        [binaries.path("leasectl"), "backup", "--store", str(daemon.store), str(folder / "backup")],
        capture_output=True,
        text=True,
        timeout=30,
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
    )
    assert done.returncode == EX_NOPERM, done.stderr
    assert names(folder) == set()


@pytest.mark.root
def test_what_root_restores_belongs_to_the_daemons_user(daemon: Daemon, tmp_path: Path) -> None:
    backup = backed_up(daemon, tmp_path / "backup")
    daemon.stop()
    for path in daemon.store.parent.glob(daemon.store.name + "*"):
        os.chown(path, STRANGER, STRANGER)
    restored(daemon.store, backup)
    for suffix in ("", ".lock"):
        found = daemon.store.with_name(daemon.store.name + suffix).stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (STRANGER, STRANGER, 0o600)


@pytest.mark.root
@pytest.mark.parametrize("call", ["openat", "pwrite64", "fdatasync", "fsync", "link", "rename", "unlink", "rmdir"])
def test_a_restore_that_is_killed_leaves_the_old_store_or_the_new_one(
    make_daemon: MakeDaemon, daemon: Daemon, tmp_path: Path, call: str
) -> None:
    """SIGKILL at the N-th system call of a kind, for every N that occurs (if there are many, for some)."""
    with daemon.connect() as client:
        client.call("PUT", "which", "new")
        backup = backed_up(daemon, tmp_path / "backup")
        client.call("PUT", "which", "old")
    daemon.kill()
    before = tmp_path / "before"
    shutil.copytree(daemon.store.parent, before, ignore=shutil.ignore_patterns("s*", "n*"))
    number, died, seen = 1, 0, set()
    while True:
        folder = tmp_path / f"{call}{number}"
        shutil.copytree(before, folder)
        store = folder / daemon.store.name
        prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
        prefix += ["-e", f"inject={call}:signal=KILL:when={number}"]
        done = restore(store, backup, prefix=prefix)
        after = make_daemon(folder=folder).start()
        with after.connect() as client:
            value = client.call("GET", "which")
        after.stop()
        assert value in {b"old", b"new"}
        seen.add(value)
        if done.status == 0:
            assert value == b"new"
            break
        assert done.status in {-signal.SIGKILL, 128 + signal.SIGKILL}, done.said
        died += 1
        number += 1 if number < 20 else 7
    assert died > 0 or call in {"link", "unlink", "rmdir", "rename"}, f"{call} was never called"
    assert b"new" in seen
