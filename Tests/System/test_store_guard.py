"""`IF lease token` on every write, and who may remove and import what."""

import os
import time
from collections.abc import Iterator

import pytest

from harness.clock import now, pass_instant
from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection, Reply, ReplyError
from harness.store import Entry, EntryLease, export, kinds, tracker
from harness.users import STRANGER, ConnectionAs, admit_everyone

#: Each write, and its reply when its guard holds. `@` is the key, which has the child `there` and no other.
WRITES: list[tuple[str, Reply]] = [
    ("PUT @ new", OK),
    ("SET @ new", OK),
    ("DELETE @", 1),
    ("DEL @", 1),
    ("PREFIX APPEND @ fresh", OK),
    ("PREFIX REMOVE @ there", 1),
    ("PREFIX REMOVE @ absent", 0),
]
#: Writes that would have failed, or done nothing, without a guard.
OTHERS: list[tuple[str, Reply]] = [("PREFIX APPEND @ there", "EXISTS"), ("DELETE @-absent", 0)]


def words(command: str, key: str) -> list[Argument]:
    return [part.replace("@", key) for part in command.split(" ")]


def prepare(client: Connection, key: str) -> list[Entry]:
    client.call("PUT", key, "old")
    client.call("PREFIX", "APPEND", key, "there")
    return export(client, key)


@pytest.fixture(params=WRITES, ids=[command for command, _ in WRITES])
def write(request: pytest.FixtureRequest) -> tuple[str, Reply]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=WRITES + OTHERS, ids=[command for command, _ in WRITES + OTHERS])
def any_write(request: pytest.FixtureRequest) -> str:
    return request.param[0]  # type: ignore[no-any-return]


# The token


def test_a_write_with_the_fence_or_the_newest_token_is_done(
    client: Connection, name: str, write: tuple[str, Reply]
) -> None:
    lease = name + "-lease"
    fence = client.call("ACQUIRE", lease, "30s")
    newest = client.call("RENEW", lease, client.call("RENEW", lease, fence, "30s"), "30s")
    for token in (fence, newest):
        client.call("KEYS", "REMOVE", name)
        prepare(client, name)
        assert client.call(*words(write[0], name), "IF", lease, token) == write[1]
    assert client.call("CHECK", lease, newest) > 0, "a guard takes nothing from the lease"


def test_a_write_with_any_other_token_is_expired_and_not_done(client: Connection, name: str, any_write: str) -> None:
    lease = name + "-lease"
    fence = client.call("ACQUIRE", lease, "30s")
    middle = client.call("RENEW", lease, fence, "30s")
    newest = client.call("RENEW", lease, middle, "30s")
    before = prepare(client, name)
    for token in (middle, fence - 1, newest + 1, 1, 2**53 - 1):
        assert client.error(*words(any_write, name), "IF", lease, token) == "EXPIRED", token
    for other in (lease + "-never", name):
        assert client.error(*words(any_write, name), "IF", other, newest) == "EXPIRED", other
    assert export(client, name) == before, "nothing was written"


def test_a_write_is_expired_once_the_tenure_is_over(client: Connection, name: str, any_write: str) -> None:
    released, revoked, removed, taken = (f"{name}-{end}" for end in ("released", "revoked", "removed", "taken"))
    before = prepare(client, name)
    tokens = {lease: client.call("ACQUIRE", lease, "30s") for lease in (released, revoked, removed, taken)}
    client.call("RELEASE", released, tokens[released])
    client.call("REVOKE", revoked)
    client.call("KEYS", "REMOVE", removed)
    client.call("RELEASE", taken, tokens[taken])
    client.call("ACQUIRE", taken, "30s")
    for lease, token in tokens.items():
        assert client.error(*words(any_write, name), "IF", lease, token) == "EXPIRED", lease
    assert export(client, name) == before, "nothing was written"


def test_a_write_is_expired_from_the_instant_of_the_deadline(client: Connection, name: str) -> None:
    """All writes share one wait of a second."""
    lease = name + "-lease"
    before = prepare(client, name)
    token = client.call("ACQUIRE", lease, "1s")
    answered = now()
    pass_instant(answered + 1)
    for command, _ in WRITES + OTHERS:
        assert client.error(*words(command, name), "IF", lease, token) == "EXPIRED", command
    assert export(client, name) == before
    assert tracker(client, lease) is None


def test_a_tenure_that_is_being_revoked_guards_until_it_ends(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    assert client.call("REVOKE", name, "AFTER", "1h") == 1
    assert client.call("PUT", name, "v", "IF", name, token) == OK
    assert client.call("REVOKE", name) == 1
    assert client.error("PUT", name, "w", "IF", name, token) == "EXPIRED"
    assert client.call("GET", name) == b"v"


def test_a_guard_that_fails_comes_before_exists(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    client.call("PREFIX", "APPEND", name, "c", "IF", name, token)
    assert client.error("PREFIX", "APPEND", name, "c", "IF", name, token) == "EXISTS"
    assert client.error("PREFIX", "APPEND", name, "c", "IF", name, token + 1) == "EXPIRED"


def test_the_guard_may_be_the_lease_of_the_key_itself_or_of_another(client: Connection, name: str) -> None:
    own, other = client.call("ACQUIRE", name, "30s"), client.call("ACQUIRE", name + "-b", "30s")
    assert client.call("PUT", name, "1", "IF", name, own) == OK
    assert client.call("PUT", name, "2", "IF", name + "-b", other) == OK
    assert client.error("PUT", name, "3", "IF", name, other) == "EXPIRED"
    assert client.error("PUT", name, "3", "IF", name + "-b", own) == "EXPIRED"
    assert client.call("GET", name) == b"2"


def test_a_lease_guards_nothing_by_itself(client: Connection, other: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s")
    assert other.call("PUT", name, "v") == OK, "only a write that names a lease depends on one"


def test_guarded_writes_hold_over_a_restart(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
        released = client.call("ACQUIRE", name + "-b", "1h")
        client.call("RELEASE", name + "-b", released)
        daemon.restart()
    with daemon.connect() as client:
        assert client.call("PUT", name, "v", "IF", name, token) == OK
        assert client.error("PUT", name, "w", "IF", name + "-b", released) == "EXPIRED"


def test_pipelined_guards_are_decided_in_order(client: Connection, name: str) -> None:
    """In one turn: the lease ends between two writes that it guards."""
    token = client.call("ACQUIRE", name, "30s")
    for command in (
        ["PUT", name, "1", "IF", name, token],
        ["RELEASE", name, token],
        ["PUT", name, "2", "IF", name, token],
        ["GET", name],
    ):
        client.send(*command)
    assert [client.receive() for _ in range(2)] == [OK, OK]
    refused = client.receive()
    assert isinstance(refused, ReplyError)
    assert refused.word == "EXPIRED"
    assert client.receive() == b"1"


# Who


@pytest.fixture(scope="module")
def admitted(shared: Daemon) -> Daemon:
    """The shared daemon, which lets every user connect."""
    admit_everyone(shared.socket)
    return shared


@pytest.fixture
def stranger(admitted: Daemon) -> Iterator[Connection]:
    with ConnectionAs(str(admitted.socket)) as connection:
        yield connection


@pytest.mark.root
def test_reading_writing_and_guards_are_open_to_all(stranger: Connection, other: Connection, name: str) -> None:
    token = other.call("ACQUIRE", name, "30s")
    assert stranger.call("PUT", name, "v", "IF", name, token) == OK, "tokens are no secrets"
    assert stranger.call("PREFIX", "APPEND", name, "c") == OK
    assert stranger.call("GET", name) == b"v"
    assert kinds(stranger, name) == [b"simple", b"prefix", b"lease"]
    assert stranger.call("DELETE", name) == 1
    assert stranger.call("PREFIX", "REMOVE", name, "c") == 1
    assert export(stranger, name)[0].lease is not None


@pytest.mark.root
def test_removing_a_key_with_a_lease_in_force_is_for_administrators(
    stranger: Connection, other: Connection, name: str
) -> None:
    free, held, own = f"{name}/free", f"{name}/held", f"{name}/own"
    token = other.call("ACQUIRE", held, "30s")
    own_token = stranger.call("ACQUIRE", own, "30s")
    for key in (free, held, own):
        other.call("PUT", key, "v")
    assert stranger.error("KEYS", "REMOVE", free, held) == "DENIED"
    assert stranger.error("KEYS", "REMOVE", held, free) == "DENIED"
    assert stranger.error("KEYS", "REMOVE", own) == "DENIED", "also the lease's holder"
    for key in (free, held, own):
        assert other.call("GET", key) == b"v", "all or nothing"
    assert other.call("CHECK", held, token) > 0
    assert stranger.call("KEYS", "REMOVE", free) == 1
    other.call("RELEASE", held, token)
    assert stranger.call("KEYS", "REMOVE", held) == 1, "no lease is in force any more"
    assert other.call("KEYS", "REMOVE", own) == 1
    assert stranger.error("CHECK", own, own_token) == "EXPIRED"


@pytest.mark.root
def test_importing_a_lease_is_for_administrators(stranger: Connection, other: Connection, name: str) -> None:
    soon = int(time.time() * 1000) + 60_000
    token = other.call("TOKEN")
    entry = Entry(name.encode(), b"v", [b"c"], EntryLease(token, soon))
    assert stranger.error("IMPORT", "KEY", name + "-first", "SIMPLE", "v", *entry.words()) == "DENIED"
    own = Entry(name.encode(), b"v", [], EntryLease(token, soon, uid=STRANGER))
    assert stranger.error("IMPORT", *own.words()) == "DENIED"
    assert tracker(other, name) is None
    assert tracker(other, name + "-first") is None, "all or nothing"
    entry.lease = None
    assert stranger.call("IMPORT", *entry.words()) == OK
    assert export(other, name) == [entry]


@pytest.mark.root
def test_an_imported_lease_belongs_to_its_uid(stranger: Connection, other: Connection, name: str) -> None:
    soon = int(time.time() * 1000) + 60_000
    for uid in (STRANGER, None):
        token, key = other.call("TOKEN"), f"{name}/{uid}"
        assert other.call("IMPORT", *Entry(key.encode(), lease=EntryLease(token, soon, uid=uid)).words()) == OK
        shown = other.holder(key)
        assert shown is not None
        if uid == STRANGER:
            assert shown["uid"] == STRANGER
            renewed = stranger.call("RENEW", key, token, "30s")
            assert stranger.call("RELEASE", key, renewed) == OK
        else:
            assert shown["uid"] == os.geteuid(), "the importer, if nobody is named"
            assert stranger.error("RENEW", key, token, "30s") == "DENIED"
