"""Watching (section 3) with the pub/sub interfaces of clients that know nothing of leased: redis-py, redis-cli, socat.
"""

import json
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest
import redis

from conftest import MakeDaemon
from harness.clock import now
from harness.daemon import Daemon
from harness.resp import OK, Connection, Push, ReplyError, Simple

PATIENCE = 10.0


def until(what: str, look: Callable[[], Any]) -> Any:
    """The result of `look` once there is one; waits for it."""
    deadline = now() + PATIENCE
    while now() < deadline:
        if found := look():
            return found
    raise AssertionError(f"within {PATIENCE} s there was no {what}")


def next_message(watcher: Any) -> dict[str, Any]:
    message: dict[str, Any] = until("message", lambda: watcher.get_message(timeout=PATIENCE))
    return message


def events(watcher: Any, count: int) -> list[str]:
    """The events of the next messages; each is one line of JSON with the four fields that all have."""
    words = []
    for _ in range(count):
        data = next_message(watcher)["data"]
        assert b"\n" not in data
        told = json.loads(data)
        assert list(told)[:4] == ["event", "fence", "owner", "at_ms"]
        words.append(told["event"])
    return words


@contextmanager
def redis_watcher(daemon: Daemon, protocol: int) -> Iterator[tuple[redis.Redis, Any]]:
    client = daemon.redis(protocol)
    watcher = client.pubsub()
    try:
        yield client, watcher
    finally:
        watcher.close()
        client.close()


# redis-py


def test_redis_py_subscribes(shared: Daemon, protocol: int, name: str) -> None:
    with redis_watcher(shared, protocol) as (client, watcher):
        watcher.subscribe(name)
        assert next_message(watcher) == {"type": "subscribe", "pattern": None, "channel": name.encode(), "data": 1}
        token = client.execute_command("ACQUIRE", name, "30s", "OWNER", 'a "quoted" ü')
        message = next_message(watcher)
        assert (message["type"], message["channel"]) == ("message", name.encode())
        told = json.loads(message["data"])
        assert told.pop("at_ms") // 1000 == token // 1_000_000
        assert told == {"event": "acquired", "fence": token, "owner": 'a "quoted" ü', "ttl_ms": 30_000}
        client.execute_command("RELEASE", name, client.execute_command("RENEW", name, token, "30s"))
        assert events(watcher, 1) == ["released"], "a renewal is not announced"
        watcher.unsubscribe()
        assert next_message(watcher)["type"] == "unsubscribe"
        assert not watcher.subscribed


def test_redis_py_subscribes_to_patterns(shared: Daemon, protocol: int, name: str) -> None:
    with redis_watcher(shared, protocol) as (client, watcher):
        heard: list[bytes] = []
        watcher.psubscribe(**{f"{name}:[ab]*": lambda message: heard.append(message["channel"])})
        assert next_message(watcher)["type"] == "psubscribe"
        for end in ("a1", "c1", "b", "a2"):
            client.execute_command("ACQUIRE", f"{name}:{end}", "30s")
        expected = [f"{name}:{end}".encode() for end in ("a1", "b", "a2")]

        def read() -> bool:
            watcher.get_message(timeout=PATIENCE)
            return len(heard) == len(expected)

        until("message for each", read)
        assert heard == expected


def test_redis_py_checks_its_connection_while_it_listens(shared: Daemon, protocol: int, name: str) -> None:
    with redis_watcher(shared, protocol) as (client, watcher):
        watcher.subscribe(name)
        next_message(watcher)
        watcher.ping()
        watcher.ping("still there?")
        client.execute_command("ACQUIRE", name, "30s")
        seen = [next_message(watcher) for _ in range(3)]
        assert [m["type"] for m in seen[:2]] == ["pong", "pong"]
        assert json.loads(seen[2]["data"])["event"] == "acquired"


def test_redis_py_hears_of_every_end(daemon: Daemon, protocol: int) -> None:
    with redis_watcher(daemon, protocol) as (client, watcher):
        watcher.psubscribe("*")
        next_message(watcher)
        do = client.execute_command
        do("ACQUIRE", "timed", "1s")
        assert events(watcher, 2) == ["acquired", "expired"]
        do("ACQUIRE", "pushed", "30s")
        do("REVOKE", "pushed", "REASON", "why not")
        assert events(watcher, 1) == ["acquired"]
        assert json.loads(next_message(watcher)["data"])["reason"] == "why not"
        do("ACQUIRE", "warned", "30s")
        do("REVOKE", "warned", "AFTER", "300ms", "REASON", "soon")
        assert events(watcher, 1) == ["acquired"]
        told = json.loads(next_message(watcher)["data"])
        assert (told["event"], told["reason"], told["after_ms"]) == ("revoking", "soon", 300)
        ended = json.loads(next_message(watcher)["data"])
        assert (ended["event"], ended["reason"], ended["fence"]) == ("revoked", "soon", told["fence"])
        assert ended["at_ms"] - told["at_ms"] >= 300
        do("ACQUIRE", "removed", "30s")
        do("KEYS", "REMOVE", "removed")
        assert events(watcher, 1) == ["acquired"]
        assert json.loads(next_message(watcher)["data"])["reason"] == "removed"
        do("IMPORT", "KEY", "brought", "LEASE", 7, int(told["at_ms"]) + 3_600_000, "OWNER", "elsewhere")
        brought = json.loads(next_message(watcher)["data"])
        assert (brought["event"], brought["fence"], brought["owner"]) == ("acquired", 7, "elsewhere")


def test_redis_py_hears_of_holders_that_die(daemon: Daemon, protocol: int) -> None:
    with redis_watcher(daemon, protocol) as (_, watcher):
        watcher.psubscribe("*")
        next_message(watcher)
        with daemon.connect() as holder:
            holder.call("ACQUIRE", "bound", "30s", "BIND")
            assert events(watcher, 1) == ["acquired"]
        assert events(watcher, 1) == ["lost"]
        with daemon.connect() as client, daemon.connect() as tie:
            token = client.call("ACQUIRE", "tied", "1s")
            assert tie.call("TIE", "tied", token) == OK
            assert events(watcher, 2) == ["acquired", "overdue"]
        assert events(watcher, 1) == ["lost"]


def test_waiters_grants_are_heard_after_the_release(daemon: Daemon, protocol: int) -> None:
    with redis_watcher(daemon, protocol) as (client, watcher), daemon.connect() as waiter:
        watcher.subscribe("queue")
        next_message(watcher)
        token = client.execute_command("ACQUIRE", "queue", "30s")
        waiter.send("ACQUIRE", "queue", "30s", "WAIT", "FOREVER")
        with daemon.connect() as looker:
            until("waiter", lambda: looker.holder("queue")["waiters"])  # type: ignore[index]
        client.execute_command("RELEASE", "queue", token)
        assert events(watcher, 3) == ["acquired", "released", "acquired"]


def test_a_tie_hears_nothing(daemon: Daemon) -> None:
    with daemon.connect(3) as tie, daemon.connect() as client:
        tie.send("PSUBSCRIBE", "*")
        assert tie.receive()[0] == b"psubscribe"
        token = client.call("ACQUIRE", "tied", "30s")
        assert tie.receive()[0] == b"pmessage"
        tie.send("TIE", "tied", token)
        assert tie.receive() == OK
        assert information(client, "subscriptions") == 0
        client.call("ACQUIRE", "other", "30s")
        client.call("RELEASE", "tied", token)
        assert tie.at_end(), "nothing is written to a tie"


# redis-cli and socat


@contextmanager
def listening(command: list[str], typed: bytes = b"") -> Iterator[Callable[[bytes], bytes]]:
    """A program that listens; the yielded function waits until it has printed something, and returns all its output."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    out: IO[bytes] = process.stdout
    shown = bytearray()

    def read() -> None:
        if select.select([out], [], [], PATIENCE)[0]:
            chunk = out.read1(1 << 16)  # type: ignore[attr-defined]
            assert chunk, f"{command[0]} has ended; it showed {bytes(shown)!r}"
            shown.extend(chunk)

    def shows(what: bytes) -> bytes:
        def look() -> bool:
            if what not in shown:
                read()
            return what in shown

        until(repr(what), look)
        return bytes(shown)

    try:
        process.stdin.write(typed)
        process.stdin.flush()
        yield shows
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        out.close()


@pytest.mark.parametrize("flags", [[], ["-3"]], ids=["resp2", "resp3"])
@pytest.mark.parametrize("verb", ["SUBSCRIBE", "PSUBSCRIBE"])
def test_redis_cli_listens(shared: Daemon, client: Connection, name: str, flags: list[str], verb: str) -> None:
    topic = name if verb == "SUBSCRIBE" else name + "*"
    with listening(["redis-cli", "-s", str(shared.socket), *flags, verb, topic]) as shows:
        shows(topic.encode())
        token = client.call("ACQUIRE", name, "30s")
        shown = shows(b"acquired")
        assert str(token).encode() in shown
        assert verb.lower().encode() in shown
        client.call("RELEASE", name, token)
        shows(b"released")


def test_a_person_with_socat_listens(shared: Daemon, client: Connection, name: str) -> None:
    with listening(["socat", "-", f"UNIX-CONNECT:{shared.socket}"], f"SUBSCRIBE {name}\n".encode()) as shows:
        shows(b"subscribe\r\n")
        client.call("ACQUIRE", name, "30s")
        assert shows(b"acquired").endswith(b"}\r\n")


# The frames


def test_frames(shared: Daemon, protocol: int, name: str) -> None:
    with shared.connect(protocol) as watcher, shared.connect() as other:
        kind = list if protocol == 2 else Push

        def receive() -> list[Any]:
            frame = watcher.receive()
            assert type(frame) is kind
            return list(frame)

        watcher.send("UNSUBSCRIBE")
        assert receive() == [b"unsubscribe", None, 0]
        watcher.send("SUBSCRIBE", name, name + "2")
        assert receive() == [b"subscribe", name.encode(), 1]
        assert receive() == [b"subscribe", f"{name}2".encode(), 2]
        watcher.send("PSUBSCRIBE", name + "?")
        assert receive() == [b"psubscribe", f"{name}?".encode(), 3]
        fence = other.call("ACQUIRE", name + "2", "30s")
        first, second = receive(), receive()
        assert first[:2] == [b"message", f"{name}2".encode()]
        assert second[:3] == [b"pmessage", f"{name}?".encode(), f"{name}2".encode()]
        assert first[2] == second[3]
        assert json.loads(first[2])["fence"] == fence
        watcher.send("PUNSUBSCRIBE")
        assert receive() == [b"punsubscribe", f"{name}?".encode(), 2]
        watcher.send("PUNSUBSCRIBE")
        assert receive() == [b"punsubscribe", None, 2]
        watcher.send("UNSUBSCRIBE", name)
        assert receive() == [b"unsubscribe", name.encode(), 1]
        watcher.send("RESET")
        assert watcher.receive() == Simple("RESET")
        other.call("REVOKE", name + "2")
        assert watcher.call("PING") == Simple("PONG"), "nothing came in between"


def test_what_a_subscriber_may_send(shared: Daemon, protocol: int, name: str) -> None:
    with shared.connect(protocol) as watcher:
        watcher.send("SUBSCRIBE", name)
        watcher.receive()
        watcher.send("PING", "x")
        assert watcher.receive() == ([b"pong", b"x"] if protocol == 2 else b"x")
        watcher.send("TOKEN")
        reply = watcher.receive()
        if protocol == 2:
            assert isinstance(reply, ReplyError)
            assert reply.word == "ERR"
            assert "'token'" in reply.message
        else:
            assert type(reply) is int
        watcher.send("QUIT")
        assert watcher.receive() == OK
        assert watcher.at_end()


def test_the_reply_comes_before_the_message_of_what_it_did(shared: Daemon, name: str) -> None:
    with shared.connect(3) as client:
        client.send("SUBSCRIBE", name)
        assert type(client.receive()) is Push
        client.send("ACQUIRE", name, "30s")
        fence = client.receive()
        assert type(fence) is int
        told = client.receive()
        assert type(told) is Push
        assert json.loads(told[2])["fence"] == fence


# Limits


def information(client: Connection, name: str) -> int:
    text = client.call("INFO", "watching")
    return next(int(line.split(b":")[1]) for line in text.splitlines() if line.startswith(name.encode() + b":"))


def test_a_deaf_subscriber_is_dropped_and_nobody_waits_for_it(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(environment={"LEASED_LIMITS_SUBSCRIBER_OUTPUT_BYTES": "64KiB"}).start()
    with daemon.connect() as deaf, daemon.connect() as watcher, daemon.connect() as client:
        for subscriber in (deaf, watcher):
            subscriber.send("PSUBSCRIBE", "*")
            subscriber.receive()
        rounds = 0
        while information(client, "dropped_subscribers") == 0:
            rounds += 1
            assert rounds < 1000, "a subscriber that does not read is kept for ever"
            for number in range(20):
                client.send("REVOKE", f"lease-{number}")
                client.send("ACQUIRE", f"lease-{number}", "30s", "OWNER", "x" * 256)
            for _ in range(40):
                client.receive()
            for number in range(20 if rounds == 1 else 40):
                assert isinstance(watcher.receive(), list), number
        assert information(client, "subscriptions") == 1
        assert "subscriber dropped" in daemon.log()
        client.call("ACQUIRE", "last", "30s")
        assert watcher.receive()[2] == b"last"
        # What the socket held is still there, in whole frames or not, and then the end.
        while deaf.socket.recv(1 << 16):
            pass


def test_subscriptions_are_limited(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(
        environment={"LEASED_LIMITS_SUBSCRIPTIONS_PER_CONNECTION": "3", "LEASED_LIMITS_PATTERNS": "1"}
    ).start()
    with daemon.connect(3) as client:
        assert client.error("SUBSCRIBE", "a", "b", "c", "d") == "BUSY"
        assert client.error("PSUBSCRIBE", "a", "b") == "BUSY"
        assert information(client, "subscriptions") == 0, "nothing was done"
        client.send("SUBSCRIBE", "a", "b", "c")
        assert [client.receive()[2] for _ in range(3)] == [1, 2, 3]
        assert client.error("PSUBSCRIBE", "a") == "BUSY"


def test_subscriptions_of_the_dead_are_forgotten(daemon: Daemon) -> None:
    with daemon.connect() as client:
        for _ in range(20):
            with daemon.connect() as watcher:
                watcher.send("SUBSCRIBE", *[f"lease-{number}" for number in range(100)])
                for _ in range(100):
                    watcher.receive()
        until("end of all subscriptions", lambda: information(client, "subscriptions") == 0)
        assert information(client, "pubsub_channels") == 0
