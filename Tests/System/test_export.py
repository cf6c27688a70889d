"""`EXPORT` and `IMPORT`: the entry on the wire, all or nothing, leases and tokens, and transfers between two daemons.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from conftest import MakeDaemon
from harness.clock import now, pass_instant
from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection, ReplyError
from harness.seeds import seed
from harness.store import Entry, EntryLease, export, kinds, listed, load, parse, random_bytes, raw, tracker

MINUTE = 60_000
HOUR = 60 * MINUTE


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def wall_us() -> int:
    return time.time_ns() // 1_000


def past() -> int:
    return wall_ms() - HOUR


def soon() -> int:
    return wall_ms() + HOUR


# The entry


def test_an_entry_is_a_flat_list_in_the_order_of_the_grammar(client: Connection, name: str) -> None:
    client.call("PUT", name, "value")
    for child in ("b", "a"):
        client.call("PREFIX", "APPEND", name, child)
    fence = client.call("ACQUIRE", name, "1h", "OWNER", "the owner")
    token = client.call("RENEW", name, fence, "1h")
    held = client.holder(name)
    assert held is not None
    (entry,) = client.call("EXPORT", name)
    words = [raw(word) for word in entry]
    assert words[:8] == [b"KEY", name.encode(), b"SIMPLE", b"value", b"CHILD", b"a", b"CHILD", b"b"]
    assert words[8] == b"LEASE"
    assert int(words[9]) == token
    assert words[11::2] == [b"FENCE", b"TTL", b"UID", b"OWNER"], "a lease is told with all its fields"
    assert words[12::2] == [b"%d" % fence, b"3600000", b"%d" % os.geteuid(), b"the owner"]
    expires_at = int(words[10])
    assert abs(expires_at - (wall_ms() + held["remaining_ms"])) < 5_000, "its end is told by the wall clock, in ms"


def test_a_key_with_nothing_is_its_key_alone(client: Connection, name: str) -> None:
    assert client.call("EXPORT", name) == [[b"KEY", name.encode()]]


def test_empty_is_not_absent(client: Connection, name: str) -> None:
    client.call("PUT", name, "")
    assert client.call("EXPORT", name) == [[b"KEY", name.encode(), b"SIMPLE", b""]]


def test_one_array_per_key_in_the_same_order(client: Connection, name: str) -> None:
    a, b, absent = (f"{name}/{tail}".encode() for tail in "abz")
    client.call("PUT", a, "1")
    client.call("PREFIX", "APPEND", b, "c")
    assert client.call("EXPORT", b, absent, a) == [
        [b"KEY", b, b"CHILD", b"c"],
        [b"KEY", absent],
        [b"KEY", a, b"SIMPLE", b"1"],
    ]


def test_a_lease_that_has_ended_is_not_exported(client: Connection, name: str) -> None:
    client.call("PUT", name, "v")
    client.call("ACQUIRE", name, "1s")
    pass_instant(now() + 1)
    assert client.call("EXPORT", name) == [[b"KEY", name.encode(), b"SIMPLE", b"v"]]


def test_what_export_answers_joined_is_what_import_takes(client: Connection, name: str) -> None:
    entries = [Entry(b"%s/%d" % (name.encode(), i), b"v%d" % i, [b"a", b"b"]) for i in range(5)]
    load(client, entries)
    keys = [entry.key for entry in entries]
    exported = client.call("EXPORT", *keys)
    assert [parse(entry) for entry in exported] == entries
    assert client.call("KEYS", "REMOVE", *keys) == 5
    assert client.call("IMPORT", *[word for entry in exported for word in entry]) == OK
    assert client.call("EXPORT", *keys) == exported
    assert client.call("IMPORT", *[word for entry in exported for word in entry]) == OK, "it can be run again"
    assert client.call("EXPORT", *keys) == exported


def test_import_overwrites_the_value_and_merges_children(client: Connection, name: str) -> None:
    key = name.encode()
    load(client, [Entry(key, b"old", [b"a", b"b"])])
    load(client, [Entry(key, b"new", [b"b", b"c"])])
    assert export(client, name) == [Entry(key, b"new", [b"a", b"b", b"c"])]
    load(client, [Entry(key, None, [b"d"])])
    assert export(client, name) == [Entry(key, b"new", [b"a", b"b", b"c", b"d"])], "what is not named stays"
    load(client, [Entry(key, b"")])
    assert export(client, name) == [Entry(key, b"", [b"a", b"b", b"c", b"d"])]
    load(client, [Entry(key)])
    assert export(client, name) == [Entry(key, b"", [b"a", b"b", b"c", b"d"])], "nor does an entry of a key alone"


def test_an_entry_of_a_key_alone_makes_no_tracker(client: Connection, name: str) -> None:
    load(client, [Entry(name.encode())])
    assert tracker(client, name) is None


def test_values_that_look_like_words_are_values(client: Connection, name: str) -> None:
    words: list[Argument] = ["KEY", name, "SIMPLE", "KEY", "CHILD", "CHILD", "CHILD", "LEASE", "CHILD", "SIMPLE"]
    assert client.call("IMPORT", *words) == OK
    assert export(client, name) == [Entry(name.encode(), b"KEY", [b"CHILD", b"LEASE", b"SIMPLE"])]


@pytest.mark.parametrize(
    "entry",
    [
        "x", "SIMPLE v", "CHILD c", "LEASE 1 2", "KEY", "KEY @ v", "KEY @ SIMPLE", "KEY @ SIMPLE v CHILD",
        "KEY @ SIMPLE v w", "KEY @ NOSUCH v", "KEY @ SIMPLE v SIMPLE w", "KEY @ LEASE", "KEY @ LEASE 5",
        "KEY @ LEASE x ~", "KEY @ LEASE 0 ~", "KEY @ LEASE -5 ~",
        "KEY @ LEASE 5 x", "KEY @ LEASE 5 ~ FENCE", "KEY @ LEASE 5 ~ FENCE 0",
        "KEY @ LEASE 5 ~ FENCE x", "KEY @ LEASE 5 ~ FENCE 6",
        "KEY @ LEASE 5 ~ TTL", "KEY @ LEASE 5 ~ TTL 30s",
        "KEY @ LEASE 5 ~ TTL x", "KEY @ LEASE 5 ~ UID",
        "KEY @ LEASE 5 ~ UID root", "KEY @ LEASE 5 ~ UID -1",
        "KEY @ LEASE 5 ~ UID 4294967296", "KEY @ LEASE 5 ~ OWNER",
        "KEY @ FENCE 5", "KEY @ TTL 1000", "KEY @ OWNER x", "KEY @ LEASE 5 ~ NOSUCH 5",
        "KEY @ LEASE 9007199254740992 ~",
    ],
)  # fmt: skip
def test_what_is_no_entry_is_err_and_nothing_is_imported(client: Connection, name: str, entry: str) -> None:
    good: list[Argument] = ["KEY", name + "-good", "SIMPLE", "v"]
    bad: list[Argument] = [part.replace("@", name).replace("~", str(soon())) for part in entry.split(" ")]
    assert client.error("IMPORT", *bad) == "ERR"
    assert client.error("IMPORT", *bad, *good) == "ERR"
    if not entry.startswith(("SIMPLE", "CHILD", "LEASE")):  # those would belong to the entry before them
        assert client.error("IMPORT", *good, *bad) == "ERR"
    assert tracker(client, name) is None
    assert tracker(client, name + "-good") is None


def test_owner_labels_of_an_import_are_labels(client: Connection, name: str) -> None:
    for label, word in ((b"a\nb", "ERR"), (b"\xff", "ERR"), (b"o" * 257, "TOOBIG")):
        entry = Entry(name.encode(), lease=EntryLease(client.call("TOKEN"), soon(), owner=label))
        assert client.error("IMPORT", *entry.words()) == word
    assert tracker(client, name) is None


# All or nothing


def test_an_import_with_one_conflict_changes_nothing(client: Connection, name: str) -> None:
    held = f"{name}/held".encode()
    token = client.call("ACQUIRE", held, "1h", "OWNER", "the holder")
    client.call("PUT", f"{name}/old", "old")
    client.call("PREFIX", "APPEND", f"{name}/old", "a")
    before = client.call("EXPORT", f"{name}/old")
    good = [Entry(f"{name}/{i}".encode(), b"v", [b"c"]) for i in range(10)]
    good += [Entry(f"{name}/old".encode(), b"new", [b"b"])]
    good += [Entry(f"{name}/lease".encode(), lease=EntryLease(client.call("TOKEN"), soon()))]
    bad = Entry(held, b"v", [b"c"], EntryLease(client.call("TOKEN"), soon()))
    for entries in ([*good, bad], [bad, *good], [*good[:5], bad, *good[5:]]):
        with pytest.raises(ReplyError) as refusal:
            load(client, entries)
        assert refusal.value.word == "CONFLICT"
        assert "the holder" in refusal.value.message
        assert listed(client, "PREFIX", name + "/") == {
            held: [b"lease"],
            f"{name}/old".encode(): [b"simple", b"prefix"],
        }
        assert client.call("EXPORT", f"{name}/old") == before
    assert client.call("CHECK", held, token) > 0


# Leases


def test_a_lease_comes_with_all_its_fields(client: Connection, name: str) -> None:
    fence, token, expires = client.call("TOKEN"), client.call("TOKEN"), soon()
    lease = EntryLease(token, expires, fence, 2 * HOUR, 4242, "die Wächterin".encode())
    load(client, [Entry(name.encode(), lease=lease)])
    held = client.holder(name)
    assert held is not None
    assert (held["token"], held["fence"], held["uid"], held["ttl_ms"]) == (token, fence, 4242, 2 * HOUR)
    assert held["owner"] == lease.owner
    assert held["state"] == b"held"
    assert abs(held["remaining_ms"] - HOUR) < 10_000
    (entry,) = export(client, name)
    assert entry.lease is not None
    assert abs(entry.lease.expires_at_ms - expires) < 1_000
    entry.lease.expires_at_ms = expires
    assert entry.lease == lease
    assert client.call("CHECK", name, fence) > 0
    assert client.call("PUT", name, "v", "IF", name, fence) == OK
    renewed = client.call("RENEW", name, token, "30s")
    assert renewed > token
    assert client.call("RELEASE", name, renewed) == OK


def test_what_a_lease_does_not_say_has_defaults(client: Connection, name: str) -> None:
    token = client.call("TOKEN")
    load(client, [Entry(name.encode(), lease=EntryLease(token, soon()))])
    held = client.holder(name)
    assert held is not None
    assert (held["token"], held["fence"], held["uid"]) == (token, token, os.geteuid())
    assert abs(held["ttl_ms"] - HOUR) < 10_000, "what is left"
    assert 0 < held["remaining_ms"] <= held["ttl_ms"]


def test_an_imported_lease_is_held(client: Connection, name: str) -> None:
    load(client, [Entry(name.encode(), lease=EntryLease(client.call("TOKEN"), soon()))])
    assert client.error("ACQUIRE", name, "30s") == "CONFLICT"
    assert kinds(client, name) == [b"lease"]
    assert [entry["name"] for entry in client.leases("PREFIX", name)] == [name.encode()]


def test_an_imported_lease_ends_at_its_time(client: Connection, name: str) -> None:
    """Its end is given on the wall clock, and kept on the clock of all deadlines."""
    token = client.call("TOKEN")
    before = now()
    load(client, [Entry(name.encode(), lease=EntryLease(token, wall_ms() + 1_200))])
    after = now()
    assert client.call("CHECK", name, token) <= 1_200
    pass_instant(before + 0.9)
    if now() < before + 1.1:
        assert client.call("HOLDER", name) is not None, "not early"
    pass_instant(after + 1.3)
    assert client.error("CHECK", name, token) == "EXPIRED", "not late"
    assert tracker(client, name) is None


def test_a_lease_that_is_past_is_skipped_and_the_rest_is_imported(client: Connection, name: str) -> None:
    token = client.call("TOKEN")
    entry = Entry(name.encode(), b"v", [b"c"], EntryLease(token, past()))
    load(client, [entry])
    assert client.call("HOLDER", name) is None
    assert client.error("CHECK", name, token) == "EXPIRED"
    assert kinds(client, name) == [b"simple", b"prefix"]
    alone = Entry(name.encode() + b"-alone", lease=EntryLease(token, past()))
    load(client, [alone])
    assert tracker(client, alone.key) is None


def test_a_lease_that_is_past_does_not_conflict_and_ends_nothing(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    load(client, [Entry(name.encode(), b"v", lease=EntryLease(client.call("TOKEN"), past()))])
    assert client.call("CHECK", name, token) > 0
    assert client.call("GET", name) == b"v"


def test_a_lease_over_the_same_fence_replaces(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h", "OWNER", "before")
    replaced = client.call("RENEW", name, fence, "1h")
    token = client.call("TOKEN")
    load(client, [Entry(name.encode(), lease=EntryLease(token, wall_ms() + MINUTE, fence, 2 * MINUTE, 7, b"after"))])
    held = client.holder(name)
    assert held is not None
    assert (held["fence"], held["token"], held["ttl_ms"], held["uid"]) == (fence, token, 2 * MINUTE, 7)
    assert held["owner"] == b"after"
    assert held["remaining_ms"] <= MINUTE
    assert client.error("CHECK", name, replaced) == "EXPIRED"
    assert client.call("CHECK", name, token) > 0
    assert client.call("CHECK", name, fence) > 0


def test_over_an_ended_tenure_any_fence_is_welcome(client: Connection, name: str) -> None:
    client.call("RELEASE", name, client.call("ACQUIRE", name, "1h"))
    token = client.call("TOKEN")
    load(client, [Entry(name.encode(), lease=EntryLease(token, soon()))])
    assert client.call("CHECK", name, token) > 0


# Tokens


def test_tokens_go_on_above_an_imported_one(daemon: Daemon, name: str) -> None:
    ahead = wall_us() + HOUR * 1_000
    with daemon.connect() as client:
        load(client, [Entry(name.encode(), lease=EntryLease(ahead, soon()))])
        assert client.call("TOKEN") > ahead
        assert client.call("ACQUIRE", name + "-b", "30s") > ahead
        assert client.call("RENEW", name, ahead, "30s") > ahead
        daemon.restart()
    with daemon.connect() as client:
        assert client.call("TOKEN") > ahead + 3, "it was committed with the import"


def test_a_lease_that_is_past_raises_the_last_token_too(daemon: Daemon, name: str) -> None:
    ahead = wall_us() + HOUR * 1_000
    with daemon.connect() as client:
        load(client, [Entry(name.encode(), lease=EntryLease(ahead, past()))])
        daemon.restart()
    with daemon.connect() as client:
        assert client.call("TOKEN") > ahead


def test_a_lower_token_lowers_nothing(client: Connection, name: str) -> None:
    last = client.call("TOKEN")
    load(client, [Entry(name.encode(), lease=EntryLease(5, soon()))])
    assert client.call("TOKEN") > last
    assert client.call("CHECK", name, 5) > 0


def test_an_import_that_is_refused_raises_no_token(daemon: Daemon, name: str) -> None:
    ahead = wall_us() + HOUR * 1_000
    with daemon.connect() as client:
        client.call("ACQUIRE", name, "1h")
        raising = Entry(name.encode() + b"-b", lease=EntryLease(ahead, soon()))
        bad = Entry(name.encode(), lease=EntryLease(client.call("TOKEN"), soon()))
        for entries in ([raising, bad], [bad, raising]):
            assert client.error("IMPORT", *[word for entry in entries for word in entry.words()]) == "CONFLICT"
        assert client.call("TOKEN") < ahead


@pytest.mark.parametrize("expires", [past, soon])
def test_a_token_above_2_to_the_52_is_refused(daemon: Daemon, name: str, expires: Callable[[], int]) -> None:
    with daemon.connect() as client:
        for token in (2**52 + 1, 2**53 - 1):
            entry = Entry(name.encode(), b"v", lease=EntryLease(token, expires()))
            assert client.error("IMPORT", *entry.words()) == "ERR"
        assert client.call("GET", name) is None
        assert client.call("TOKEN") < 2**52


def test_the_token_2_to_the_52_is_the_highest_that_is_imported(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        load(client, [Entry(name.encode(), lease=EntryLease(2**52, soon()))])
        assert client.call("CHECK", name, 2**52) > 0
        assert client.call("TOKEN") == 2**52 + 1


# Between two daemons


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_moves_from_one_daemon_to_another(make_daemon: MakeDaemon, version: int) -> None:
    source = random.Random(seed())
    entries = {
        b"empty": Entry(b"empty", b""),
        b"\x00": Entry(b"\x00", b"\x00", [b"\x00", b"\x00\x00"]),
        b"\xff": Entry(b"\xff", b"\xff\xfe", [b"\xc3", b"\xff"]),
        b"big": Entry(b"big", bytes(1 << 20)),
        b"children": Entry(b"children", None, [b"%04d" % i for i in range(1_000)]),
    }
    for _ in range(200):
        key = random_bytes(source, 1, 30)
        value = random_bytes(source, 0, 100) if source.random() < 0.7 else None
        children = sorted({random_bytes(source, 1, 10) for _ in range(source.randint(0 if value else 1, 4))})
        entries[key] = Entry(key, value, children)
    origin, target = make_daemon().start(), make_daemon().start()
    with origin.connect(version) as here, target.connect(version) as there:
        load(here, entries.values())
        tokens = {key: here.call("ACQUIRE", key, "1h", "OWNER", "mover") for key in (b"leased", b"\xff", b"empty")}
        fence = tokens[b"leased"]
        tokens[b"leased"] = here.call("RENEW", b"leased", fence, "2h")

        keys = list(listed(here))
        assert keys == sorted({*entries, *tokens})
        dump = here.call("EXPORT", *keys)
        assert there.call("IMPORT", *[word for entry in dump for word in entry]) == OK

        assert listed(there) == listed(here)
        assert [tracker(there, key) for key in keys] == [tracker(here, key) for key in keys]
        for sent, arrived in zip(map(parse, dump), export(there, *keys), strict=True):
            if sent.lease is not None and arrived.lease is not None:
                assert abs(sent.lease.expires_at_ms - arrived.lease.expires_at_ms) < 1_000
                arrived.lease.expires_at_ms = sent.lease.expires_at_ms
            assert arrived == sent
            if sent.key in entries and sent.key not in tokens:
                assert sent == entries[sent.key]
        for key, token in tokens.items():
            assert there.call("CHECK", key, token) > 0
        assert there.call("CHECK", b"leased", fence) > 0
        assert there.call("TOKEN") > max(tokens.values())
