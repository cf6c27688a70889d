"""The store commands: the exact type of each reply, how the kinds of a key affect each other, and trackers."""

from functools import partial

import pytest
import redis

from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection, ReplyError, Simple, encode
from harness.store import kinds, listed, pages, tracker

MEBIBYTE = 1 << 20

#: Bytes that could be mistaken for an end, a quote, a number or text.
AWKWARD = [b"\x00", b"\x00\x00", b"\r\n", b"$-1\r\n", b" ", b"\xff", b"\xff\xfe\xfd", "ü".encode(), b"0", b"-1", b"'\""]


def reply_bytes(client: Connection, *arguments: Argument) -> bytes:
    """The bytes of a reply of one line or one bulk string, read up to a PING after it."""
    client.send_raw(encode(*arguments) + encode("PING"))
    seen = b""
    while not seen.endswith(b"+PONG\r\n"):
        data = client.socket.recv(4096)
        assert data, f"closed after {seen!r}"
        seen += data
    return seen.removesuffix(b"+PONG\r\n")


# Simple values


def test_put_answers_ok_and_get_a_bulk_string(client: Connection, name: str) -> None:
    assert reply_bytes(client, "PUT", name, "one") == b"+OK\r\n"
    assert reply_bytes(client, "GET", name) == b"$3\r\none\r\n"
    assert reply_bytes(client, "PUT", name, "another") == b"+OK\r\n", "a put overwrites"
    assert reply_bytes(client, "GET", name) == b"$7\r\nanother\r\n"


def test_absent_is_null_and_empty_is_not(client: Connection, protocol: int, name: str) -> None:
    null = b"_\r\n" if protocol == 3 else b"$-1\r\n"
    assert reply_bytes(client, "GET", name) == null
    client.call("PUT", name, "")
    assert reply_bytes(client, "GET", name) == b"$0\r\n\r\n"
    assert kinds(client, name) == [b"simple"], "an empty value is a value"
    client.call("DELETE", name)
    assert reply_bytes(client, "GET", name) == null


def test_delete_answers_whether_it_was_there(client: Connection, name: str) -> None:
    assert reply_bytes(client, "DELETE", name) == b":0\r\n"
    client.call("PUT", name, "")
    assert reply_bytes(client, "DELETE", name) == b":1\r\n"
    assert reply_bytes(client, "DELETE", name) == b":0\r\n"


def test_keys_values_and_children_are_arbitrary_bytes(client: Connection, name: str) -> None:
    for tail in AWKWARD:
        key = name.encode() + tail
        assert client.call("PUT", key, tail) == OK
        assert client.call("PREFIX", "APPEND", key, tail) == OK
    for tail in AWKWARD:
        key = name.encode() + tail
        assert client.call("GET", key) == tail
        assert client.call("PREFIX", "LIST", key) == [tail]
        assert client.call("PREFIX", "CONTAINS", key, tail) == 1
    assert list(listed(client, "PREFIX", name)) == sorted(name.encode() + tail for tail in AWKWARD)


def test_set_and_del_are_aliases(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    assert client.call("SET", name, "v") == OK
    assert client.call("GET", name) == b"v"
    assert client.call("SET", name, "w", "IF", name, token) == OK
    assert client.error("SET", name, "x", "IF", name, token + 1) == "EXPIRED"
    assert client.error("DEL", name, "IF", name, token + 1) == "EXPIRED"
    assert client.call("GET", name) == b"w"
    assert client.call("DEL", name, "IF", name, token) == 1
    assert client.call("DEL", name) == 0


# Prefix children


def test_append_answers_ok_once_and_then_exists(client: Connection, name: str) -> None:
    assert reply_bytes(client, "PREFIX", "APPEND", name, "child") == b"+OK\r\n"
    with pytest.raises(ReplyError) as refusal:
        client.call("PREFIX", "APPEND", name, "child")
    assert refusal.value.word == "EXISTS"
    assert refusal.value.message, "the message is a sentence"
    assert client.call("PREFIX", "APPEND", name + "-b", "child") == OK, "the same child under another key is fine"
    assert client.call("PREFIX", "LIST", name) == [b"child"]


def test_children_are_listed_in_byte_order(client: Connection, name: str) -> None:
    children = [b"\x00", b"A", b"B", b"a", b"aa", b"b", b"\x7f", b"\x80", "ü".encode(), b"\xff", b"\xff\xff"]
    for child in reversed(children):
        client.call("PREFIX", "APPEND", name, child)
    reply = client.call("PREFIX", "LIST", name)
    assert reply == sorted(children)
    assert all(type(child) is bytes for child in reply)


def test_no_children_is_an_empty_array(client: Connection, name: str) -> None:
    assert reply_bytes(client, "PREFIX", "LIST", name) == b"*0\r\n"
    client.call("PUT", name, "v")
    client.call("ACQUIRE", name, "30s")
    assert reply_bytes(client, "PREFIX", "LIST", name) == b"*0\r\n"
    assert reply_bytes(client, "PREFIX", "LIST", name, "AFTER", "x", "COUNT", 5) == b"*0\r\n"


def test_contains_and_remove_answer_integers(client: Connection, name: str) -> None:
    assert reply_bytes(client, "PREFIX", "CONTAINS", name, "c") == b":0\r\n"
    assert reply_bytes(client, "PREFIX", "REMOVE", name, "c") == b":0\r\n"
    client.call("PREFIX", "APPEND", name, "c")
    assert reply_bytes(client, "PREFIX", "CONTAINS", name, "c") == b":1\r\n"
    assert client.call("PREFIX", "CONTAINS", name, "c\x00") == 0
    assert client.call("PREFIX", "CONTAINS", name + "c", "c") == 0
    assert reply_bytes(client, "PREFIX", "REMOVE", name, "c") == b":1\r\n"
    assert reply_bytes(client, "PREFIX", "REMOVE", name, "c") == b":0\r\n"
    assert client.call("PREFIX", "APPEND", name, "c") == OK, "removed, it can be appended again"


def test_key_and_child_do_not_run_into_one_another(client: Connection, name: str) -> None:
    client.call("PREFIX", "APPEND", name + "a", "bc")
    client.call("PREFIX", "APPEND", name + "ab", "c")
    assert client.call("PREFIX", "LIST", name + "a") == [b"bc"]
    assert client.call("PREFIX", "LIST", name + "ab") == [b"c"]
    assert client.call("PREFIX", "CONTAINS", name, "abc") == 0


def test_pages_of_children_show_each_once(client: Connection, name: str) -> None:
    children = [b"%03d" % i for i in range(23)]
    for child in reversed(children):
        client.call("PREFIX", "APPEND", name, child)
    for size in (1, 2, 10, 22, 23, 24, 1000):
        assert [c for page in pages(partial(client.call, "PREFIX", "LIST", name), size) for c in page] == children
    assert client.call("PREFIX", "LIST", name, "COUNT", 2, "AFTER", b"010") == [b"011", b"012"]
    assert client.call("PREFIX", "REMOVE", name, b"010") == 1
    assert client.call("PREFIX", "LIST", name, "AFTER", b"010", "COUNT", 2) == [b"011", b"012"], (
        "after one that is gone"
    )
    assert client.call("PREFIX", "LIST", name, "AFTER", b"0105") == children[11:]
    assert client.call("PREFIX", "LIST", name, "AFTER", b"\xff") == []


# Kinds and trackers


def test_a_tracker_is_a_map_of_a_decimal_hash_and_kinds(client: Connection, protocol: int, name: str) -> None:
    client.call("PUT", name, "v")
    reply = client.call("KEYS", "TRACKER", name)
    assert isinstance(reply, dict if protocol == 3 else list), "RESP3 has maps; RESP2 a flat array"
    fields = list(reply.items()) if isinstance(reply, dict) else list(zip(reply[::2], reply[1::2], strict=True))
    assert [field for field, _ in fields] == [b"hash", b"kinds"]
    hash_ = fields[0][1]
    assert type(hash_) is bytes, "64 unsigned bits do not fit an integer of the protocol"
    assert hash_.isdigit()
    assert str(int(hash_)).encode() == hash_
    assert 0 <= int(hash_) < 2**64
    assert fields[1][1] == [b"simple"]


def test_no_tracker_is_null(client: Connection, protocol: int, name: str) -> None:
    assert client.call("KEYS", "TRACKER", name) is None
    if protocol == 3:
        assert reply_bytes(client, "KEYS", "TRACKER", name) == b"_\r\n"


def test_kinds_come_in_the_order_of_the_contract(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s")
    assert kinds(client, name) == [b"lease"]
    client.call("PREFIX", "APPEND", name, "c")
    assert kinds(client, name) == [b"prefix", b"lease"]
    client.call("PUT", name, "v")
    assert kinds(client, name) == [b"simple", b"prefix", b"lease"]
    reply = client.call("KEYS", "LIST", "PREFIX", name)
    assert reply == [[name.encode(), b"simple", b"prefix", b"lease"]]
    assert all(type(part) is bytes for part in reply[0])


def test_each_kind_lives_its_own_life(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    client.call("PUT", name, "v")
    client.call("PREFIX", "APPEND", name, "c")
    hash_ = tracker(client, name)[0]  # type: ignore[index]

    assert client.call("DELETE", name) == 1
    assert kinds(client, name) == [b"prefix", b"lease"]
    assert client.call("PREFIX", "LIST", name) == [b"c"]
    assert client.call("CHECK", name, token) > 0

    client.call("PUT", name, "w")
    assert client.call("PREFIX", "REMOVE", name, "c") == 1
    assert kinds(client, name) == [b"simple", b"lease"]
    assert client.call("GET", name) == b"w"
    assert client.call("CHECK", name, token) > 0

    client.call("PREFIX", "APPEND", name, "d")
    assert client.call("RELEASE", name, token) == OK
    assert kinds(client, name) == [b"simple", b"prefix"]
    assert client.call("GET", name) == b"w"
    assert client.call("PREFIX", "LIST", name) == [b"d"]
    assert tracker(client, name) == (hash_, [b"simple", b"prefix"]), "the hash stays"


def test_a_key_with_nothing_has_no_tracker(client: Connection, name: str) -> None:
    client.call("PUT", name, "v")
    client.call("DELETE", name)
    assert tracker(client, name) is None
    client.call("PREFIX", "APPEND", name, "a")
    client.call("PREFIX", "APPEND", name, "b")
    client.call("PREFIX", "REMOVE", name, "a")
    assert kinds(client, name) == [b"prefix"], "one child is left"
    client.call("PREFIX", "REMOVE", name, "b")
    assert tracker(client, name) is None
    token = client.call("ACQUIRE", name, "1h")
    client.call("RELEASE", name, token)
    assert tracker(client, name) is None
    client.call("ACQUIRE", name, "1h")
    client.call("REVOKE", name)
    assert tracker(client, name) is None
    assert client.call("KEYS", "LIST", "PREFIX", name) == []


def test_what_is_read_or_refused_leaves_no_tracker(client: Connection, name: str) -> None:
    client.call("GET", name)
    client.call("DELETE", name)
    client.call("PREFIX", "LIST", name)
    client.call("PREFIX", "CONTAINS", name, "c")
    client.call("PREFIX", "REMOVE", name, "c")
    client.call("HOLDER", name)
    client.call("EXPORT", name)
    assert client.error("PUT", name, "v", "IF", name, 1) == "EXPIRED"
    assert client.error("PREFIX", "APPEND", name, "c", "IF", name, 1) == "EXPIRED"
    assert client.error("PUT", name, b"v" * (MEBIBYTE + 1)) == "TOOBIG"
    assert tracker(client, name) is None
    assert client.call("KEYS", "LIST", "PREFIX", name) == []


def test_the_tracker_goes_with_a_lease_that_ends_by_time(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "1s")
    client.call("ACQUIRE", name + "-too", "1s")
    client.call("PUT", name + "-too", "v")
    answered = now()
    assert kinds(client, name) == [b"lease"]
    assert listed(client, "PREFIX", name) == {
        name.encode(): [b"lease"],
        f"{name}-too".encode(): [b"simple", b"lease"],
    }
    pass_instant(answered + 1)
    assert tracker(client, name) is None, "decided when the command is, not when a sweeper runs"
    assert listed(client, "PREFIX", name) == {f"{name}-too".encode(): [b"simple"]}
    assert client.call("EXPORT", name) == [[b"KEY", name.encode()]]


def test_pipelined_commands_see_what_is_before_them(client: Connection, name: str) -> None:
    commands: list[tuple[list[Argument], object]] = [
        (["PUT", name, "1"], OK),
        (["GET", name], b"1"),
        (["PREFIX", "APPEND", name, "c"], OK),
        (["PREFIX", "CONTAINS", name, "c"], 1),
        (["KEYS", "LIST", "PREFIX", name], [[name.encode(), b"simple", b"prefix"]]),
        (["DELETE", name], 1),
        (["GET", name], None),
        (["KEYS", "LIST", "PREFIX", name], [[name.encode(), b"prefix"]]),
        (["PREFIX", "LIST", name], [b"c"]),
        (["EXPORT", name], [[b"KEY", name.encode(), b"CHILD", b"c"]]),
        (["KEYS", "REMOVE", name], 1),
        (["KEYS", "TRACKER", name], None),
        (["PREFIX", "LIST", name], []),
    ]
    client.send_raw(b"".join(encode(*words) for words, _ in commands))
    for words, expected in commands:
        assert client.receive() == expected, words


def test_another_connection_reads_what_was_answered(client: Connection, other: Connection, name: str) -> None:
    for i in range(50):
        client.call("PUT", name, i)
        assert other.call("GET", name) == b"%d" % i
        assert client.call("PREFIX", "APPEND", name, i) == OK
        assert len(other.call("PREFIX", "LIST", name)) == i + 1
        client.call("PUT", f"{name}/{i}", "")
        assert len(other.call("KEYS", "LIST", "PREFIX", f"{name}/")) == i + 1


def test_everything_is_there_after_sigkill(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        client.call("PUT", name, "")
        client.call("PREFIX", "APPEND", name, b"\x00")
        token = client.call("ACQUIRE", name, "1h")
        client.call("PUT", name + "-gone", "v")
        client.call("DELETE", name + "-gone")
        before = tracker(client, name)
        daemon.restart()
    with daemon.connect() as client:
        assert client.call("GET", name) == b""
        assert client.call("PREFIX", "LIST", name) == [b"\x00"]
        assert client.call("CHECK", name, token) > 0
        assert before is not None
        assert before[1] == [b"simple", b"prefix", b"lease"]
        assert tracker(client, name) == before, "the hash is the same after a restart"
        assert listed(client) == {name.encode(): before[1]}


# KEYS REMOVE


def test_remove_takes_all_that_a_key_has(client: Connection, name: str) -> None:
    a, b, c, absent = (f"{name}/{tail}" for tail in "abcd")
    client.call("PUT", a, "")
    client.call("PREFIX", "APPEND", b, "one")
    client.call("PREFIX", "APPEND", b, "two")
    client.call("PUT", c, "v")
    client.call("PREFIX", "APPEND", c, "one")
    token = client.call("ACQUIRE", c, "1h")
    client.call("PUT", f"{name}/z", "stays")
    assert reply_bytes(client, "KEYS", "REMOVE", a, absent, b, c) == b":3\r\n", "only keys that were there count"
    for key in (a, b, c):
        assert tracker(client, key) is None
        assert client.call("GET", key) is None
        assert client.call("PREFIX", "LIST", key) == []
    assert client.call("HOLDER", c) is None
    assert client.error("CHECK", c, token) == "EXPIRED"
    assert client.error("PUT", a, "v", "IF", c, token) == "EXPIRED"
    assert client.call("GET", f"{name}/z") == b"stays"
    assert client.call("KEYS", "REMOVE", a, b, c) == 0
    assert client.call("ACQUIRE", c, "1h") > token


def test_a_key_named_twice_is_removed_once(client: Connection, name: str) -> None:
    client.call("PUT", name, "v")
    assert client.call("KEYS", "REMOVE", name, name) == 1


def test_an_expired_lease_is_nothing_to_remove(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "1s")
    pass_instant(now() + 1)
    assert client.call("KEYS", "REMOVE", name) == 0


# IF is in test_store_guard.py


# Bad input


@pytest.mark.parametrize(
    "command",
    [
        "PUT", "PUT k", "PUT k v x", "PUT k v IF", "PUT k v IF l", "PUT k v IF l 1 x", "PUT k v IF l 0",
        "PUT k v IF l abc", "PUT k v IF l -1", "PUT k v IF l 9007199254740992", "PUT k v EX 10", "SET", "SET k",
        "SET k v NX", "SET k v EX 10", "GET", "GET k x", "DELETE", "DELETE k x", "DELETE k IF", "DELETE k IF l",
        "DELETE k IF l 0", "DEL", "PREFIX", "PREFIX NOSUCH", "PREFIX APPEND", "PREFIX APPEND k",
        "PREFIX APPEND k c x", "PREFIX APPEND k c IF l", "PREFIX APPEND k c IF l x", "PREFIX LIST",
        "PREFIX LIST k x", "PREFIX LIST k AFTER", "PREFIX LIST k COUNT", "PREFIX LIST k COUNT x",
        "PREFIX LIST k COUNT -1", "PREFIX LIST k COUNT 1.5", "PREFIX LIST k PREFIX x", "PREFIX CONTAINS",
        "PREFIX CONTAINS k", "PREFIX CONTAINS k c x", "PREFIX REMOVE", "PREFIX REMOVE k", "PREFIX REMOVE k c x",
        "PREFIX REMOVE k c IF l", "KEYS", "KEYS NOSUCH", "KEYS LIST x", "KEYS LIST PREFIX", "KEYS LIST AFTER",
        "KEYS LIST COUNT", "KEYS LIST COUNT x", "KEYS LIST COUNT -1", "KEYS RANGE", "KEYS RANGE 0",
        "KEYS RANGE 0 x", "KEYS RANGE -1 0", "KEYS RANGE 0 -1", "KEYS RANGE 0 18446744073709551616",
        "KEYS RANGE 18446744073709551616 0", "KEYS RANGE 0 1.5", "KEYS RANGE 0x0 1", "KEYS RANGE 0 1 x",
        "KEYS RANGE 0 1 AFTER", "KEYS RANGE 0 1 COUNT", "KEYS RANGE 0 1 COUNT x", "KEYS RANGE 0 1 PREFIX x",
        "KEYS TRACKER", "KEYS TRACKER k x", "KEYS REMOVE", "EXPORT", "IMPORT",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_err(client: Connection, command: str) -> None:
    assert client.error(*command.split(" ")) == "ERR"
    assert client.call("PING") == Simple("PONG"), "the connection lives on"
    for key in ("k", "l"):
        assert tracker(client, key) is None, "nothing was written"


#: Every place of a key, child or lease name, marked with `@`.
PLACES = [
    "PUT @ v", "PUT k v IF @ 1", "SET @ v", "GET @", "DELETE @", "DELETE k IF @ 1", "DEL @", "PREFIX APPEND @ c",
    "PREFIX APPEND k @", "PREFIX APPEND k c IF @ 1", "PREFIX LIST @", "PREFIX CONTAINS @ c", "PREFIX CONTAINS k @",
    "PREFIX REMOVE @ c", "PREFIX REMOVE k @", "PREFIX REMOVE k c IF @ 1", "KEYS TRACKER @", "KEYS REMOVE @",
    "KEYS REMOVE k @", "EXPORT @", "EXPORT k @", "IMPORT KEY @ SIMPLE v", "IMPORT KEY k CHILD @",
    "IMPORT KEY k SIMPLE v KEY @",
]  # fmt: skip


@pytest.mark.parametrize("command", PLACES)
def test_keys_and_children_have_1_to_1024_bytes(client: Connection, command: str) -> None:
    for bad, word in ((b"", "ERR"), (b"x" * 1025, "TOOBIG")):
        words: list[Argument] = [bad if part == "@" else part for part in command.split(" ")]
        assert client.error(*words) == word
    assert client.call("PING") == Simple("PONG")
    assert tracker(client, "k") is None, "nothing was written"


def test_the_longest_key_and_child(client: Connection, name: str) -> None:
    key, child = name.encode().ljust(1024, b"\xff"), b"\x00" * 1024
    assert client.call("PUT", key, "v") == OK
    assert client.call("PREFIX", "APPEND", key, child) == OK
    token = client.call("ACQUIRE", key, "30s")
    assert client.call("PREFIX", "REMOVE", key, child, "IF", key, token) == 1
    assert client.call("GET", key) == b"v"
    assert list(listed(client, "PREFIX", key)) == [key]
    assert client.call("KEYS", "LIST", "PREFIX", key, "AFTER", key) == []
    assert client.call("KEYS", "REMOVE", key) == 1


def test_values_have_at_most_a_mebibyte(client: Connection, name: str) -> None:
    assert client.call("PUT", name, bytes(MEBIBYTE)) == OK
    assert client.call("GET", name) == bytes(MEBIBYTE)
    assert client.error("PUT", name, b"x" * (MEBIBYTE + 1)) == "TOOBIG"
    assert client.error("PUT", name, b"x" * (7 * MEBIBYTE)) == "TOOBIG"
    assert client.error("IMPORT", "KEY", name + "-b", "SIMPLE", "v", "KEY", name, "SIMPLE", b"x" * (MEBIBYTE + 1)) == (
        "TOOBIG"
    )
    assert client.call("GET", name) == bytes(MEBIBYTE)
    assert client.call("GET", name + "-b") is None
    assert client.call("DELETE", name) == 1


def test_a_list_above_8_mebibytes_is_toobig_and_says_to_page(client: Connection, name: str) -> None:
    count = 8_200  # of 1024 bytes each
    children = [b"%08d" % i + b"c" * 1016 for i in range(count)]
    for start in range(0, count, 4_000):
        words: list[Argument] = [w for child in children[start : start + 4_000] for w in ("CHILD", child)]
        assert client.call("IMPORT", "KEY", name, *words) == OK
    for command in (["PREFIX", "LIST", name], ["EXPORT", name]):
        with pytest.raises(ReplyError) as refusal:
            client.call(*command)
        assert refusal.value.word == "TOOBIG"
    with pytest.raises(ReplyError, match=r"COUNT|page") as refusal:
        client.call("PREFIX", "LIST", name)
    first = client.call("PREFIX", "LIST", name, "COUNT", 5_000)
    assert first + client.call("PREFIX", "LIST", name, "AFTER", first[-1], "COUNT", 5_000) == children
    assert client.call("KEYS", "REMOVE", name) == 1


def test_names_of_the_subcommands_and_options_ignore_case(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    assert client.call("put", name, "v", "if", name, token) == OK
    assert client.call("Prefix", "aPPend", name, "c") == OK
    assert client.call("prefix", "list", name, "after", "a", "Count", 3) == [b"c"]
    assert len(client.call("keys", "list", "prefix", name, "count", 3)) == 1
    assert client.call("keys", "range", 0, 0, "count", 1) != []
    assert client.call("import", "key", name, "simple", "w", "child", "c") == OK
    assert client.call("get", name) == b"w"
    assert client.call("keys", "remove", name) == 1


def test_command_knows_the_store(client: Connection) -> None:
    shown = {entry[0].lower() for entry in client.call("COMMAND")}
    assert {b"put", b"get", b"delete", b"prefix", b"keys", b"export", b"import", b"set", b"del"} <= shown


# redis-py


def plain(reply: object) -> object:
    """redis-py's value for `+OK`, whatever protocol and callback it used."""
    return b"OK" if reply in (True, "OK", b"OK") and type(reply) is not int else reply


@pytest.mark.parametrize("version", [2, 3])
def test_redis_py_is_a_client_of_the_store(shared: Daemon, version: int, name: str) -> None:
    client = shared.redis(version)
    do = client.execute_command
    assert plain(do("PUT", name, b"\x00\xff")) == b"OK"
    assert do("GET", name) == b"\x00\xff"
    assert client.get(name) == b"\x00\xff"
    assert client.set(name, "") is True
    assert client.get(name) == b""
    assert client.get(name + "-absent") is None
    token = do("ACQUIRE", name, "30s")
    assert plain(do("PUT", name, "v", "IF", name, token)) == b"OK"
    assert plain(do("PREFIX APPEND", name, "b")) == b"OK"
    assert plain(do("PREFIX", "APPEND", name, "a", "IF", name, token)) == b"OK"
    with pytest.raises(redis.ResponseError, match="EXISTS"):
        do("PREFIX", "APPEND", name, "a")
    assert do("PREFIX", "LIST", name) == [b"a", b"b"]
    assert do("PREFIX", "LIST", name, "AFTER", "a", "COUNT", 1) == [b"b"]
    assert do("PREFIX", "CONTAINS", name, "a") == 1
    assert do("PREFIX", "REMOVE", name, "a", "IF", name, token) == 1
    assert do("KEYS LIST", "PREFIX", name) == [[name.encode(), b"simple", b"prefix", b"lease"]]
    assert name.encode() in do("KEYS RANGE", 0, 0)
    shown = do("KEYS TRACKER", name)
    flat = [part for pair in shown.items() for part in pair] if isinstance(shown, dict) else shown
    assert flat[0] == b"hash"
    assert flat[2:] == [b"kinds", [b"simple", b"prefix", b"lease"]]
    assert do("KEYS TRACKER", name + "-absent") is None
    (entry,) = do("EXPORT", name)
    assert entry[:6] == [b"KEY", name.encode(), b"SIMPLE", b"v", b"CHILD", b"b"]
    assert plain(do("IMPORT", *entry)) == b"OK"
    assert plain(do("IMPORT", "KEY", name + "-c", "SIMPLE", "x")) == b"OK"
    with pytest.raises(redis.ResponseError, match="EXPIRED"):
        do("DELETE", name, "IF", name, 1)
    assert do("DELETE", name, "IF", name, token) == 1
    assert client.delete(name) == 0
    assert client.delete(name + "-c") == 1
    assert do("KEYS REMOVE", name, name + "-c") == 1
    assert do("KEYS LIST", "PREFIX", name) == []
    client.close()


def test_a_tracker_that_ends_by_time_is_gone_without_a_command(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "1s")
    hash_ = tracker(client, name)[0]  # type: ignore[index]
    low = (hash_ - 1) % 2**64
    eventually(lambda: client.call("KEYS", "RANGE", low, hash_) == [], 5, "the end of the tracker")
