"""Every command once, through our own client in both protocols: the exact type and shape of each reply."""

import os
import time

import pytest
import redis

from harness.daemon import Daemon
from harness.resp import OK, Connection, ReplyError, Simple, encode

MAXIMUM_TOKEN = 2**53 - 1

HOLDER_FIELDS = {
    "name", "token", "fence", "owner", "uid", "gid", "pid", "ttl_ms", "remaining_ms", "acquired_at_ms", "renewals",
    "bound", "tied", "state", "waiters",
}  # fmt: skip


def is_token(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAXIMUM_TOKEN


def test_acquire_answers_a_token_of_wall_clock_microseconds(client: Connection, name: str) -> None:
    before = time.time_ns() // 1000
    token = client.call("ACQUIRE", name, "30s")
    assert is_token(token)
    # max(last issued + 1, wall clock in µs): nothing here runs ahead of the wall clock for longer than a burst of
    # commands.
    assert before <= token <= time.time_ns() // 1000 + 1_000_000


def test_acquire_on_a_held_lease_conflicts_also_for_its_holder(
    client: Connection, other: Connection, name: str
) -> None:
    client.call("ACQUIRE", name, "30s", "OWNER", "the first")
    for connection in (client, other):
        with pytest.raises(ReplyError) as refusal:
            connection.call("ACQUIRE", name, "30s")
        assert refusal.value.word == "CONFLICT"
        assert "the first" in refusal.value.message, "the message names the owner label"
        left = [int(word) for word in "".join(c if c.isdigit() else " " for c in refusal.value.message).split()]
        assert any(25_000 < number <= 30_000 for number in left), "the message names the milliseconds left"


def test_renew_answers_a_new_greater_token(client: Connection, name: str) -> None:
    first = client.call("ACQUIRE", name, "30s")
    second = client.call("RENEW", name, first, "40s")
    assert is_token(second)
    assert second > first
    held = client.holder(name)
    assert held is not None
    assert (held["fence"], held["token"], held["ttl_ms"], held["renewals"]) == (first, second, 40_000, 1)


def test_release_answers_ok_and_frees(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    assert client.call("RELEASE", name, token) == OK
    assert client.call("HOLDER", name) is None
    assert client.error("RELEASE", name, token) == "EXPIRED"
    assert client.call("ACQUIRE", name, "30s") > token


def test_check_answers_the_milliseconds_left(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    left = client.call("CHECK", name, token)
    assert type(left) is int
    assert 25_000 < left <= 30_000


def test_holder_of_nothing_is_null(client: Connection, name: str) -> None:
    assert client.call("HOLDER", name) is None


def test_holder_is_a_map_with_these_fields(client: Connection, protocol: int, name: str) -> None:
    before = time.time_ns() // 1_000_000
    token = client.call("ACQUIRE", name, "30s", "OWNER", "nightly — backup")
    after = time.time_ns() // 1_000_000
    reply = client.call("HOLDER", name)
    assert isinstance(reply, dict if protocol == 3 else list), "RESP3 has maps; RESP2 a flat array"
    held = client.holder(name)
    assert held is not None
    assert set(held) == HOLDER_FIELDS
    assert held["name"] == name.encode()
    assert held["owner"] == "nightly — backup".encode()
    assert held["token"] == held["fence"] == token
    assert (held["uid"], held["gid"], held["pid"]) == (os.geteuid(), os.getegid(), os.getpid())
    assert held["ttl_ms"] == 30_000
    assert 25_000 < held["remaining_ms"] <= 30_000
    assert before <= held["acquired_at_ms"] <= after
    assert (held["renewals"], held["bound"], held["tied"], held["waiters"]) == (0, 0, 0, 0)
    assert held["state"] == b"held"
    integers = HOLDER_FIELDS - {"name", "owner", "state"}
    assert all(type(held[field]) is int for field in integers)


def test_holder_fields_come_in_the_order_of_the_contract(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s")
    held = client.holder(name)
    assert held is not None
    assert list(held) == [
        "name", "token", "fence", "owner", "uid", "gid", "pid", "ttl_ms", "remaining_ms", "acquired_at_ms", "renewals",
        "bound", "tied", "state", "waiters",
    ]  # fmt: skip


def test_the_default_owner_is_the_command_name_of_the_peer(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s")
    held = client.holder(name)
    with open("/proc/self/comm", "rb") as comm:
        assert held is not None
        assert held["owner"] == comm.read().rstrip(b"\n")


def test_revoke_counts_tenures_and_ends_an_untied_one_at_once(client: Connection, name: str) -> None:
    assert client.call("REVOKE", name) == 0
    token = client.call("ACQUIRE", name, "30s")
    assert client.call("REVOKE", name, "REASON", "maintenance") == 1
    assert client.call("HOLDER", name) is None
    assert client.error("CHECK", name, token) == "EXPIRED"
    assert client.error("RENEW", name, token, "30s") in {"EXPIRED", "REVOKED"}
    assert client.call("REVOKE", name) == 0


def test_token_answers_fresh_rising_tokens(client: Connection) -> None:
    tokens = [client.call("TOKEN") for _ in range(100)]
    assert all(is_token(token) for token in tokens)
    assert tokens == sorted(set(tokens))


def test_keywords_ignore_case(client: Connection, name: str) -> None:
    token = client.call("acquire", name, "30s", "owner", "x", "Request", "0123456789abcdef")
    assert client.call("AcQuIrE", name, "30s", "REQUEST", "0123456789abcdef") == token
    assert client.call("release", name, token) == OK


def test_names_are_arbitrary_bytes(client: Connection, name: str) -> None:
    for tail in (b"\x00", b"\xff\xfe", b"\r\n", b" ", "ü".encode(), b"a" * (1024 - len(name))):
        binary = name.encode() + tail
        token = client.call("ACQUIRE", binary, "30s")
        held = client.holder(binary)
        assert held is not None
        assert held["name"] == binary
        assert client.call("RELEASE", binary, token) == OK


def test_replies_come_in_the_order_of_pipelined_commands(client: Connection, name: str) -> None:
    count = 2_000
    client.send_raw(b"".join(encode("ECHO", f"{i}") + encode("ACQUIRE", name, "30s") for i in range(count)))
    grants = 0
    for i in range(count):
        assert client.receive() == str(i).encode()
        reply = client.receive()
        grants += isinstance(reply, int)
        assert isinstance(reply, int) or reply.word == "CONFLICT"
    assert grants == 1


def test_pipelined_commands_on_one_lease_see_each_other(client: Connection, name: str) -> None:
    client.send_raw(
        encode("ACQUIRE", name, "30s")
        + encode("REVOKE", name)
        + encode("HOLDER", name)
        + encode("ACQUIRE", name, "30s")
    )
    first, revoked, holder, second = (client.receive() for _ in range(4))
    assert (revoked, holder) == (1, None)
    assert second > first


@pytest.mark.parametrize("version", [2, 3])
def test_redis_py_is_a_client(shared: Daemon, version: int, name: str) -> None:
    client = shared.redis(version)
    assert client.ping() is True
    assert client.echo("hello") == b"hello"
    token = client.execute_command("ACQUIRE", name, "30s", "OWNER", "redis-py")
    assert is_token(token)
    renewed = client.execute_command("RENEW", name, token, "30s")
    assert renewed > token
    assert 0 < client.execute_command("CHECK", name, token) <= 30_000
    holder = client.execute_command("HOLDER", name)
    flat = [part for pair in holder.items() for part in pair] if isinstance(holder, dict) else holder
    assert dict(zip(flat[::2], flat[1::2], strict=True))[b"owner"] == b"redis-py"
    assert len(client.execute_command("LEASES", "PREFIX", name, "COUNT", 10)) >= 1
    assert client.execute_command("RELEASE", name, renewed) in (b"OK", "OK", True)
    assert client.execute_command("HOLDER", name) is None
    assert client.execute_command("REVOKE", name) == 0
    assert is_token(client.execute_command("TOKEN"))
    with pytest.raises(redis.ResponseError, match="EXPIRED"):
        client.execute_command("RELEASE", name, renewed)
    assert client.client_id() > 0
    assert client.client_setname("worker") in (True, b"OK")
    assert client.client_getname() in ("worker", b"worker")
    assert isinstance(client.info(), dict)
    assert client.command_count() > 0
    client.close()


def test_redis_py_pipelines(shared: Daemon, name: str) -> None:
    client = shared.redis(3)
    with client.pipeline(transaction=False) as pipeline:
        for i in range(10):
            pipeline.execute_command("ACQUIRE", f"{name}-{i}", "30s")
        tokens = pipeline.execute()
    assert tokens == sorted(set(tokens))
    client.close()


def test_simple_replies_are_simple_strings(client: Connection) -> None:
    assert client.call("PING") == Simple("PONG")
    assert client.call("SELECT", "0") == OK
    assert client.call("PING", "x") == b"x"
    assert client.call("ECHO", b"\x00\xff\r\n") == b"\x00\xff\r\n"
    assert client.call("ECHO", "") == b""
