"""Watching: Redis's frames, what a subscriber may send, the events of each kind, and subscribers that do not read."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from conftest import MakeDaemon
from harness.clock import eventually, now
from harness.daemon import Daemon
from harness.faults import Trace
from harness.holding import tie
from harness.resp import OK, ClosedError, Connection, Push, Reply, ReplyError, Simple, encode, pairs
from harness.seeds import seed
from harness.users import ConnectionAs, admit_everyone
from harness.waiting import await_waiters, join, unanswered
from harness.watching import Event, Watcher, parse

MEBIBYTE = 1 << 20


def frames(connection: Connection, protocol: int, *words: str | bytes) -> list[Reply]:
    """The frames that answer one command, up to the reply to a PING after it."""
    connection.send(*words)
    connection.send("PING", "mark")
    seen = []
    while (frame := connection.receive()) not in (b"mark", Simple("mark"), [b"pong", b"mark"]):
        assert isinstance(frame, Push) == (protocol == 3) or isinstance(frame, ReplyError | Simple), frame
        seen.append(list(frame) if isinstance(frame, list) else frame)
    return seen


# Frames


def test_confirmations_are_redis_s(client: Connection, protocol: int, name: str) -> None:
    n = name.encode()

    def ask(*words: str | bytes) -> list[Reply]:
        return frames(client, protocol, *words)

    assert ask("SUBSCRIBE", n + b"a", n + b"b") == [[b"subscribe", n + b"a", 1], [b"subscribe", n + b"b", 2]]
    assert ask("SUBSCRIBE", n + b"a") == [[b"subscribe", n + b"a", 2]], "twice is once"
    assert ask("PSUBSCRIBE", n + b"*", n + b"?") == [[b"psubscribe", n + b"*", 3], [b"psubscribe", n + b"?", 4]]
    assert ask("PSUBSCRIBE", n + b"*") == [[b"psubscribe", n + b"*", 4]]
    assert ask("UNSUBSCRIBE", n + b"a", n + b"none") == [
        [b"unsubscribe", n + b"a", 3],
        [b"unsubscribe", n + b"none", 3],
    ]
    assert ask("SUBSCRIBE", n + b"c") == [[b"subscribe", n + b"c", 4]]
    ended = ask("UNSUBSCRIBE")
    assert sorted(frame[1] for frame in ended) == [n + b"b", n + b"c"]
    assert [(frame[0], frame[2]) for frame in ended] == [(b"unsubscribe", 3), (b"unsubscribe", 2)]
    assert ask("UNSUBSCRIBE") == [[b"unsubscribe", None, 2]], "nothing to end: one frame, with the count"
    ended = ask("PUNSUBSCRIBE")
    assert sorted(frame[1] for frame in ended) == sorted([n + b"*", n + b"?"])
    assert [frame[2] for frame in ended] == [1, 0]
    assert ask("PUNSUBSCRIBE") == [[b"punsubscribe", None, 0]]
    assert ask("PUNSUBSCRIBE", n) == [[b"punsubscribe", n, 0]]


def test_messages_are_redis_s(client: Connection, other: Connection, protocol: int, name: str) -> None:
    n = name.encode()
    frames(client, protocol, "SUBSCRIBE", n)
    frames(client, protocol, "PSUBSCRIBE", n + b"*", b"*" + n)
    fence = other.call("ACQUIRE", name, "30s")
    told = [client.receive() for _ in range(3)]
    assert {isinstance(frame, Push) for frame in told} == {protocol == 3}
    assert told[0][:2] == [b"message", n], "the channel first"
    assert sorted(frame[1] for frame in told[1:]) == sorted([n + b"*", b"*" + n])
    for frame in told[1:]:
        assert (frame[0], frame[2]) == (b"pmessage", n)
    assert {parse(frame).fence for frame in told} == {fence}
    assert len({frame[-1] for frame in told}) == 1, "one payload for all"
    other.call("ACQUIRE", "other-" + name + "-other", "30s")
    assert frames(client, protocol, "UNSUBSCRIBE", n) == [[b"unsubscribe", n, 2]], "and nothing of other leases"


@pytest.mark.parametrize("verb", ["SUBSCRIBE", "PSUBSCRIBE"])
def test_a_subscription_needs_a_name(client: Connection, verb: str) -> None:
    assert client.error(verb) == "ERR"
    assert client.call("PING") == Simple("PONG"), "and is not a subscriber"


def test_one_who_left_is_told_nothing(client: Connection, other: Connection, protocol: int, name: str) -> None:
    frames(client, protocol, "SUBSCRIBE", name)
    frames(client, protocol, "UNSUBSCRIBE")
    other.call("ACQUIRE", name, "30s")
    assert unanswered(other, client)
    frames(client, protocol, "SUBSCRIBE", name)
    other.call("REVOKE", name)
    assert parse(client.receive()).kind == "revoked", "nothing from the time in between"


def test_a_subscriber_in_resp2_may_send_only_what_redis_lets_it(shared: Daemon, name: str) -> None:
    with shared.connect(2) as client:
        frames(client, 2, "SUBSCRIBE", name)
        assert client.call("PING") == [b"pong", b""]
        assert client.call("PING", "hello") == [b"pong", b"hello"]
        for words in (["ACQUIRE", name, "30s"], ["HOLDER", name], ["TOKEN"], ["ECHO", "x"], ["INFO"], ["GET", "x"],
                      ["HELLO", "3"], ["TIE", name, "1"], ["CLIENT", "ID"], ["COMMAND"], ["NOSUCH"]):  # fmt: skip
            assert client.error(*words) == "ERR", words
        with pytest.raises(ReplyError) as refusal:
            client.call("ACQUIRE", name, "30s")
        assert "acquire" in refusal.value.message.lower()
        assert "subscribe" in refusal.value.message.lower(), "it says what is allowed"
        with shared.connect() as judge:
            assert judge.call("HOLDER", name) is None
        frames(client, 2, "UNSUBSCRIBE")
        assert client.call("PING") == Simple("PONG")
        assert type(client.call("ACQUIRE", name, "30s")) is int, "a common connection again"


def test_a_subscriber_in_resp3_may_send_everything(shared: Daemon, name: str) -> None:
    with shared.connect(3) as client:
        frames(client, 3, "SUBSCRIBE", name)
        assert client.call("PING") == Simple("PONG")
        client.send("ACQUIRE", name, "30s")
        both = [client.receive(), client.receive()]
        assert sorted(isinstance(frame, Push) for frame in both) == [False, True]
        event = next(parse(frame) for frame in both if isinstance(frame, Push))
        assert event.fence in both, "its own grant is an event, too"
        held = client.holder(name)
        assert held is not None
        assert client.call("ECHO", "x") == b"x"


def test_a_subscriber_in_resp3_may_wait(shared: Daemon, other: Connection, name: str) -> None:
    token = other.call("ACQUIRE", name, "1h")
    with shared.connect(3) as client:
        frames(client, 3, "SUBSCRIBE", name + "-news")
        client.send("ACQUIRE", name, "30s", "WAIT", "FOREVER")
        await_waiters(other, name, 1)
        other.call("ACQUIRE", name + "-news", "30s")
        assert parse(client.receive()).kind == "acquired", "messages are not held back by a wait"
        other.call("RELEASE", name, token)
        assert client.receive() > token


def test_reset_ends_subscriptions(shared: Daemon, other: Connection, protocol: int, name: str) -> None:
    with shared.connect(protocol) as client:
        frames(client, protocol, "SUBSCRIBE", name)
        frames(client, protocol, "PSUBSCRIBE", name + "*")
        assert client.call("RESET") == Simple("RESET")
        assert client.call("PING") == Simple("PONG")
        other.call("ACQUIRE", name, "30s")
        assert unanswered(other, client)
        assert isinstance(client.call("HOLDER", name), list), "in RESP2"


def test_quit_ends_a_subscriber(shared: Daemon, protocol: int, name: str) -> None:
    with shared.connect(protocol) as client:
        frames(client, protocol, "SUBSCRIBE", name)
        assert client.call("QUIT") == OK
        assert client.at_end()


def test_commands_of_watching_are_in_the_table(client: Connection) -> None:
    table = {entry[0].decode().lower(): entry[1] for entry in client.call("COMMAND")}
    expected = {"subscribe": -2, "psubscribe": -2, "unsubscribe": -1, "punsubscribe": -1, "tie": 3}
    assert {name: table[name] for name in expected} == expected


# Events


def near(stamp: int, since: float) -> bool:
    """Whether a wall clock in milliseconds lies between `since` (seconds) and now."""
    return type(stamp) is int and int(since * 1000) - 1 <= stamp <= int(time.time() * 1000) + 1


def test_each_kind_of_event_has_its_fields(shared: Daemon, client: Connection, name: str) -> None:
    common = {"event", "fence", "owner", "at_ms"}
    began = time.time()
    with Watcher(shared, name, exact=True) as watcher:

        def one(kind: str, *extra: str) -> Event:
            event = watcher.next()
            assert event.kind == kind
            assert set(event.fields) == common | set(extra), event
            assert event.channel == name.encode()
            assert event.fields["owner"] == "me"
            assert near(event.fields["at_ms"], began)
            return event

        fence = client.call("ACQUIRE", name, "1500ms", "OWNER", "me")
        acquired = one("acquired", "ttl_ms")
        assert (acquired.fence, acquired.fields["ttl_ms"]) == (fence, 1_500)
        held = client.holder(name)
        assert held is not None
        assert abs(held["acquired_at_ms"] - acquired.fields["at_ms"]) <= 1
        token = client.call("RENEW", name, fence, "30s")
        client.call("RELEASE", name, token)
        assert one("released").fence == fence, "the fence, not the newest token; and renewals are not announced"

        fence = client.call("ACQUIRE", name, "1s", "OWNER", "me")
        one("acquired", "ttl_ms")
        assert one("expired").fence == fence

        fence = client.call("ACQUIRE", name, "1s", "OWNER", "me")
        one("acquired", "ttl_ms")
        with tie(shared, name, fence):
            assert one("overdue").fence == fence
            client.call("REVOKE", name, "AFTER", "1h", "REASON", "space")
            revoking = one("revoking", "reason", "after_ms")
            assert (revoking.fields["reason"], revoking.fields["after_ms"]) == ("space", 3_600_000)
        assert one("lost").fence == fence

        fence = client.call("ACQUIRE", name, "30s", "OWNER", "me")
        one("acquired", "ttl_ms")
        client.call("REVOKE", name, "REASON", "for good")
        revoked = one("revoked", "reason")
        assert (revoked.fence, revoked.fields["reason"]) == (fence, "for good")

        client.call("ACQUIRE", name, "30s", "OWNER", "me")
        one("acquired", "ttl_ms")
        client.call("REVOKE", name)
        assert not one("revoked", "reason").fields["reason"], "none was given"

        client.call("ACQUIRE", name, "30s", "OWNER", "me")
        one("acquired", "ttl_ms")
        client.call("KEYS", "REMOVE", name)
        assert one("revoked", "reason").fields["reason"] == "removed"
        assert watcher.sofar() == []


def test_what_changes_nothing_is_no_event(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    identifier = "0123456789abcdef"
    fence = client.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    with Watcher(shared, name, exact=True) as watcher:
        client.call("ACQUIRE", name, "1h", "REQUEST", identifier)
        client.error("ACQUIRE", name, "1h")
        client.error("ACQUIRE", name, "1h", "WAIT", "1ms")
        token = client.call("RENEW", name, fence, "1h")
        token = client.call("RENEW", name, token, "1h", "BIND")
        token = client.call("RENEW", name, token, "1h", "UNBIND")
        client.call("CHECK", name, fence)
        client.error("RELEASE", name, fence)
        with tie(shared, name, token):
            token = client.call("RENEW", name, token, "1h", "UNBIND")
        client.call("PUT", name, "a value of the same key")
        client.call("DELETE", name)
        with join(shared, other, name):
            pass
        assert watcher.sofar() == []


def test_an_imported_tenure_is_announced(shared: Daemon, client: Connection, name: str) -> None:
    token, expiry = client.call("TOKEN"), int(time.time() * 1000) + 60_000
    entry = ["KEY", name, "LEASE", str(token), str(expiry), "OWNER", "moved here"]
    with Watcher(shared, name, exact=True) as watcher:
        assert client.call("IMPORT", *entry) == OK
        (event,) = watcher.sofar()
        assert (event.kind, event.fence, event.fields["owner"]) == ("acquired", token, "moved here")
        assert 0 < event.fields["ttl_ms"] <= 60_000
        assert client.call("IMPORT", *entry) == OK
        assert watcher.sofar() == [], "the same tenure over itself is no new one"


@pytest.mark.parametrize(
    "owner", ['"quotes" and \\ backslash', "ünïcödé 日本 🎉", "</script>", "{}[],:'`", "x" * 256, " "]
)
def test_any_owner_label_makes_right_json(shared: Daemon, client: Connection, name: str, owner: str) -> None:
    with Watcher(shared, name, exact=True) as watcher:
        client.call("ACQUIRE", name, "30s", "OWNER", owner)
        assert watcher.next().fields["owner"] == owner


@pytest.mark.parametrize("protocol", [2, 3])
def test_names_of_any_bytes(shared: Daemon, other: Connection, name: str, protocol: int) -> None:
    for tail in (b"\x00\xff\r\n\x80", b"\r\n+OK\r\n", b"*?[]\\", b'"\xf0\x9f', b"x" * 1000):
        lease = name.encode() + tail
        with Watcher(shared, lease, exact=True, protocol=protocol) as watcher:
            other.call("ACQUIRE", lease, "30s")
            assert watcher.next().channel == lease


def test_the_events_of_a_lease_come_in_order(shared: Daemon, client: Connection, name: str) -> None:
    with Watcher(shared, name, exact=True) as exact, Watcher(shared, name + "*", protocol=2) as by_glob:
        fences = []
        for _ in range(100):
            fences.append(client.call("ACQUIRE", name, "30s"))
            client.call("RELEASE", name, fences[-1])
        expected = [(kind, fence) for fence in fences for kind in ("acquired", "released")]
        for watcher in (exact, by_glob):
            assert [(event.kind, event.fence) for event in watcher.sofar()] == expected


def test_one_turn_s_events_of_a_lease_come_in_order(shared: Daemon, client: Connection, name: str) -> None:
    """Many commands in one write: decided in one turn, committed once."""
    with Watcher(shared, name, exact=True) as watcher:
        client.send_raw((encode("ACQUIRE", name, "30s") + encode("REVOKE", name)) * 200)
        fences = [client.receive() for _ in range(400)][::2]
        expected = [(kind, fence) for fence in fences for kind in ("acquired", "revoked")]
        assert [(event.kind, event.fence) for event in watcher.sofar()] == expected


def test_a_restart_tells_what_ended_meanwhile(daemon: Daemon, name: str) -> None:
    """A tenure that ends after the restart is announced by the daemon that ends it."""
    with daemon.connect() as client:
        fence = client.call("ACQUIRE", name, "1s")
    daemon.restart()
    with Watcher(daemon, name, exact=True) as watcher:
        event = watcher.next()
        assert (event.kind, event.fence) == ("expired", fence)


def test_subscribe_then_list_misses_nothing(daemon: Daemon, name: str) -> None:
    """The list, followed by the later events, leads to the final list."""
    chosen = seed()
    stop = threading.Event()
    failures: list[BaseException] = []

    def churn(number: int) -> None:
        source = random.Random(f"{chosen}/{number}")
        try:
            with daemon.connect() as client:
                while not stop.is_set():
                    lease = f"{name}/{source.randrange(20)}"
                    client.send(*(["ACQUIRE", lease, "1h"] if source.random() < 0.6 else ["REVOKE", lease]))
                    client.receive()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            with Watcher(daemon, name + "/*") as watcher, daemon.connect() as client:
                known = {entry["name"]: entry["fence"] for entry in client.leases("PREFIX", name + "/")}
                listed = dict(known)
                for _ in range(300):
                    event = watcher.next()
                    if event.fence < listed.get(event.channel, 0):
                        continue  # from before the list
                    if event.kind == "acquired":
                        assert known.get(event.channel) in {None, event.fence}, "an end was not told"
                        known[event.channel] = event.fence
                    elif known.get(event.channel) == event.fence:
                        del known[event.channel]
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert failures == []


# After the commit only


@pytest.mark.root
def test_a_message_comes_after_the_sync(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client, Watcher(daemon, "*") as watcher:
        client.call("ACQUIRE", name + "-warm", "1h")
        watcher.sofar()
        with Trace(daemon.pid, "fdatasync,fsync", "delay_enter=600000"):
            sent = now()
            client.send("ACQUIRE", name, "1h")
            assert watcher.next().kind == "acquired"
            assert now() - sent >= 0.6, "told before it was on disk"
            assert type(client.receive()) is int


@pytest.mark.root
def test_what_was_not_synced_is_never_told(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client, Watcher(daemon, "*") as watcher:
        client.call("ACQUIRE", name + "-warm", "1h")
        watcher.sofar()
        with Trace(daemon.pid, "fdatasync,fsync", "error=EIO"):
            client.send("ACQUIRE", name, "1h")
            assert client.rest() == []
            assert watcher.connection.rest() == []
            daemon.wait()


# Readers that do not read


@pytest.fixture
def small(make_daemon: MakeDaemon) -> Daemon:
    """A daemon that lets a subscriber leave 512 KiB unread."""
    return make_daemon(environment={"LEASED_LIMITS_SUBSCRIBER_OUTPUT_BYTES": "512KiB"}).start()


def busy(client: Connection, name: str, rounds: int) -> Iterator[None]:
    """Makes a hundred events in each round, of more than a kilobyte each."""
    pipeline = (encode("ACQUIRE", name, "1h", "OWNER", "x" * 256) + encode("REVOKE", name, "REASON", "y" * 256)) * 50
    for _ in range(rounds):
        client.send_raw(pipeline)
        for _ in range(100):
            assert type(client.receive()) is int
        yield


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_subscriber_that_does_not_read_is_dropped_and_slows_nobody(small: Daemon, name: str, protocol: int) -> None:
    lease = (name + "/").ljust(1000, "n")
    with (
        small.connect() as client,
        Watcher(small, "*", protocol=protocol) as deaf,
        Watcher(small, "*", protocol=protocol) as reader,
        small.connect(3) as half,
    ):
        half.call("SUBSCRIBE", name + "-quiet")
        memory = small.memory()
        for _ in busy(client, lease, 80):
            started = now()
            assert len(reader.sofar()) == 100, "who reads is told everything"
            assert client.call("PING") == Simple("PONG")
            assert now() - started < 5, "and is not held up"
        assert small.memory() - memory < 32 * MEBIBYTE
        received = 0
        with contextlib.suppress(ClosedError):
            while True:
                deaf.next()
                received += 1
        assert 0 < received < 8_000, "cut off at the limit, and what it got are whole messages"
        assert half.call("PING") == Simple("PONG"), "who has nothing to read is not cut off"
        assert small.running()


def test_a_hundred_subscribers_that_do_not_read_cost_bounded_memory(small: Daemon, name: str) -> None:
    lease = (name + "/").ljust(1000, "n")
    with contextlib.ExitStack() as opened:
        client = opened.enter_context(small.connect())
        deaf = [opened.enter_context(Watcher(small, "*")) for _ in range(100)]
        before = small.memory()
        for _ in busy(client, lease, 20):
            pass
        assert small.memory() - before < 100 * 512 * 1024 + 48 * MEBIBYTE
        for watcher in deaf:
            watcher.connection.close()
        eventually(lambda: small.descriptors() < 100, 10, "the return of their descriptors")


def test_a_stopped_reader_that_reads_in_time_misses_nothing(shared: Daemon, client: Connection, name: str) -> None:
    with Watcher(shared, name, exact=True) as watcher:
        for _ in range(50):
            client.call("ACQUIRE", name, "1h")
            client.call("REVOKE", name)
        assert len(watcher.sofar()) == 100


# Globs


GLOBS = [
    ("*", ["", "x", "a/b"], []),
    ("?", ["x", "/"], ["", "xy"]),
    ("h?llo", ["hello", "hallo"], ["hllo", "heello"]),
    ("h*llo", ["hllo", "heeeello", "h/x/llo"], ["hell"]),
    ("h[ae]llo", ["hello", "hallo"], ["hillo"]),
    ("h[^e]llo", ["hallo", "hbllo"], ["hello"]),
    ("h[a-b]llo", ["hallo", "hbllo"], ["hcllo"]),
    ("h[b-a]llo", ["hallo", "hbllo"], ["hcllo"]),
    (r"h\*llo", ["h*llo"], ["hxllo", r"h\*llo"]),
    (r"h\?llo", ["h?llo"], ["hello"]),
    (r"[\]x]", ["]", "x"], ["\\"]),
    ("a*b*c", ["abc", "aXbYc", "abbcc"], ["acb", "ab"]),
    ("**", ["", "x"], []),
    ("x", ["x"], ["X", "xx", ""]),
    ("[x", ["x"], ["[x", "y"]),
]


@pytest.mark.parametrize(("glob", "matching", "others"), GLOBS, ids=[entry[0] for entry in GLOBS])
def test_globs_are_redis_s(
    shared: Daemon, client: Connection, name: str, glob: str, matching: list[str], others: list[str]
) -> None:
    with Watcher(shared, f"{name}:{glob}") as watcher:
        for tail in matching + others:
            client.call("ACQUIRE", f"{name}:{tail}", "30s")
        assert [event.channel.decode() for event in watcher.sofar()] == [f"{name}:{tail}" for tail in matching]


def test_a_glob_of_bytes(shared: Daemon, client: Connection, name: str) -> None:
    prefix = name.encode()
    with Watcher(shared, prefix + b"[\x80-\xff]?\x00*") as watcher:
        for tail in (b"\x80\n\x00", b"\xff\xff\x00\x01", b"\x7f\n\x00", b"\x80\x00"):
            client.call("ACQUIRE", prefix + tail, "30s")
        assert [event.channel for event in watcher.sofar()] == [prefix + b"\x80\n\x00", prefix + b"\xff\xff\x00\x01"]


def test_a_hostile_glob_costs_bounded_time(shared: Daemon, client: Connection, name: str) -> None:
    with Watcher(shared, name + "*a" * 100 + "b", name + "*[^x]" * 100 + "y") as watcher:
        started = now()
        for turn in range(5):
            client.call("ACQUIRE", name + "a" * 900 + str(turn), "30s")
        assert now() - started < 5
        assert watcher.sofar() == []


# Clients that others wrote


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_watches(shared: Daemon, client: Connection, name: str, protocol: int) -> None:
    watching = shared.redis(protocol)
    with contextlib.closing(watching), watching.pubsub() as pubsub:
        pubsub.subscribe(name)
        pubsub.psubscribe(name + "-*")

        def message() -> dict[str, Any]:
            found = eventually(lambda: pubsub.get_message(timeout=5), 10, "a message")
            assert isinstance(found, dict)
            return found

        assert [message()["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        fence = client.call("ACQUIRE", name, "30s")
        second = client.call("ACQUIRE", name + "-b", "30s")
        one, two = message(), message()
        assert (one["type"], one["channel"], one["pattern"]) == ("message", name.encode(), None)
        assert (two["type"], two["channel"], two["pattern"]) == (
            "pmessage", f"{name}-b".encode(), f"{name}-*".encode(),
        )  # fmt: skip
        assert [json.loads(m["data"])["fence"] for m in (one, two)] == [fence, second]
        pubsub.ping()
        assert message()["type"] == "pong"
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        assert sorted(message()["type"] for _ in range(2)) == ["punsubscribe", "unsubscribe"]
        assert not pubsub.subscribed


def test_redis_py_runs_handlers_in_a_thread(shared: Daemon, client: Connection, name: str) -> None:
    seen: list[bytes] = []
    told = threading.Event()

    def handler(message: dict[str, Any]) -> None:
        seen.append(message["data"])
        if len(seen) == 2:
            told.set()

    watching = redis.Redis(unix_socket_path=str(shared.socket))
    with contextlib.closing(watching):
        pubsub = watching.pubsub()
        pubsub.subscribe(**{name: handler})
        confirmed = pubsub.get_message(timeout=5)
        assert confirmed is not None
        assert confirmed["type"] == "subscribe"
        thread = pubsub.run_in_thread(sleep_time=0.01)
        try:
            client.call("ACQUIRE", name, "30s")
            client.call("REVOKE", name)
            assert told.wait(10)
        finally:
            thread.stop()
            thread.join(5)
    assert [json.loads(data)["event"] for data in seen] == ["acquired", "revoked"]


@pytest.mark.parametrize("flags", [[], ["-3"]], ids=["resp2", "resp3"])
def test_redis_cli_watches(shared: Daemon, client: Connection, name: str, flags: list[str]) -> None:
    process = subprocess.Popen(
        ["redis-cli", "-s", str(shared.socket), *flags, "PSUBSCRIBE", name + "*"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []

    def until(wanted: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if wanted in line:
                return
        raise AssertionError(f"redis-cli ended without {wanted!r}: {lines}")

    try:
        until("psubscribe")
        client.call("ACQUIRE", name + "/x", "1h")
        until("acquired")
        assert any("pmessage" in line for line in lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


# Limits


def subscribed(connection: Connection, names: Iterator[str]) -> int:
    """Subscribes to one name after the other until BUSY; returns how many it got."""
    for count, channel in enumerate(names):
        connection.send("SUBSCRIBE", channel)
        reply = connection.receive()
        if isinstance(reply, ReplyError):
            assert reply.word == "BUSY"
            return count
    raise AssertionError("no limit")


def test_the_subscriptions_of_a_connection_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon(environment={"LEASED_LIMITS_SUBSCRIPTIONS_PER_CONNECTION": "10"}).start()
    with daemon.connect() as client, daemon.connect() as other:
        assert subscribed(client, (f"{name}/{i}" for i in range(100))) == 10
        client.send("PSUBSCRIBE", "x*")
        assert client.receive().word == "BUSY", "channels and patterns together"
        client.call("UNSUBSCRIBE", f"{name}/0")
        assert client.call("SUBSCRIBE", f"{name}/new")[2] == 10
        other.call("ACQUIRE", f"{name}/new", "1h")
        assert parse(client.receive()).kind == "acquired"
        assert subscribed(other, (f"{name}/{i}" for i in range(100))) == 10


@pytest.mark.root
def test_the_subscriptions_of_a_user_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon(environment={"LEASED_LIMITS_SUBSCRIPTIONS_PER_USER": "10"}).start()
    admit_everyone(daemon.socket)
    with (
        ConnectionAs(str(daemon.socket)) as first,
        ConnectionAs(str(daemon.socket)) as second,
        Watcher(daemon, "*"),
    ):
        for i in range(8):
            first.call("SUBSCRIBE", f"{name}/{i}")
        assert subscribed(second, (f"{name}/{i}" for i in range(100))) == 2
        first.close()

        def again() -> bool:
            second.send("SUBSCRIBE", name + "-new")
            return not isinstance(second.receive(), ReplyError)

        eventually(again, 10, "a place for that user again")


@pytest.mark.root
def test_subscriptions_in_all_are_limited_with_a_reserve(make_daemon: MakeDaemon, name: str) -> None:
    limits = {"LEASED_LIMITS_SUBSCRIPTIONS": "10", "LEASED_LIMITS_RESERVED_FOR_ADMINISTRATORS": "2"}
    daemon = make_daemon(environment=limits).start()
    admit_everyone(daemon.socket)
    with ConnectionAs(str(daemon.socket)) as stranger, daemon.connect() as administrator:
        assert subscribed(stranger, (f"{name}/{i}" for i in range(100))) == 8
        assert subscribed(administrator, (f"{name}/{i}" for i in range(100))) == 2


def test_subscribers_that_come_and_go_leave_nothing(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        client.call("PING")  # so that it is among those that are counted
        before = daemon.descriptors()
        for _ in range(10):
            watchers = [Watcher(daemon, f"{name}/*", f"x{i}*") for i in range(50)]
            client.call("ACQUIRE", f"{name}/x", "1h")
            client.call("REVOKE", f"{name}/x")
            for watcher in watchers:
                watcher.connection.close()
        eventually(lambda: daemon.descriptors() <= before, 10, "the return of all descriptors")
        assert pairs(client.call("HELLO"))["proto"] == 2
