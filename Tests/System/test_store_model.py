"""Random operations over the socket compared with a model of the contract; and many clients that clean up after
themselves.

`LEASED_SEED` replays the operations, `LEASED_MODEL_STEPS` sets their number.
"""

import itertools
import random
import threading

import pytest

from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection, Reply, ReplyError, encode
from harness.seeds import rounds, seed
from harness.store import kinds, listed, ranged, raw, tracker
from harness.storemodel import Refusal, StoreModel


def without_lease(entry: Reply) -> list[bytes]:
    """An exported entry up to its lease, whose end on the wall clock no model can know. No child has such a name."""
    words = [raw(word) for word in entry]
    return words[: words.index(b"LEASE")] if b"LEASE" in words[::2] else words


def compare(words: list[Argument], reply: Reply, expected: Reply | Refusal) -> None:
    if isinstance(expected, Refusal):
        assert expected.matches(reply), f"{words!r} answered {reply!r} instead of {expected.word}"
        return
    if words[0] == "EXPORT":
        reply = [without_lease(entry) for entry in reply]
    assert type(reply) is type(expected), f"{words!r} answered {reply!r} instead of {expected!r}"
    assert reply == expected, f"{words!r} answered {reply!r} instead of {expected!r}"


class Comparison:
    """A daemon and its model, with connections of both protocols."""

    def __init__(self, daemon: Daemon, source: random.Random) -> None:
        self.daemon, self.source, self.model = daemon, source, StoreModel()
        self.keys = [b"a", b"aa", b"ab", b"b", b"\x00", b"\xff", b"\xff\xff", b"\x00\xff", b"zz", b"z\r\n"]
        self.children = [b"\x00", b"1", b"10", b"2", b"\xff", b"\xff\x00", b"KEY"]
        self.connect()
        # The hash of a key is learnt from its first tracker and must then always be the same.
        for key in self.keys:
            self.connections[0].call("PUT", key, "")
            found = tracker(self.connections[0], key)
            assert found is not None
            self.model.hashes[key] = found[0]
        assert self.connections[0].call("KEYS", "REMOVE", *self.keys) == len(self.keys)

    def connect(self) -> None:
        self.connections = [self.daemon.connect(2), self.daemon.connect(3)]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def step(self) -> None:
        chance = self.source.random()
        if chance < 0.12:
            self.acquire_or_renew()
        elif chance < 0.22:
            self.pipeline()
        else:
            words = self.model.choose(self.source, self.keys, self.children)
            connection = self.source.choice(self.connections)
            connection.send(*words)
            compare(words, connection.receive(), self.model.expect(words))

    def pipeline(self) -> None:
        """Several commands at once, so that they share a turn."""
        connection = self.source.choice(self.connections)
        plan: list[tuple[list[Argument], Reply]] = []
        for _ in range(self.source.randint(2, 12)):
            words = self.model.choose(self.source, self.keys, self.children)
            plan.append((words, self.model.expect(words)))
        connection.send_raw(b"".join(encode(*words) for words, _ in plan))
        for words, expected in plan:
            compare(words, connection.receive(), expected)

    def acquire_or_renew(self) -> None:
        connection, lease = self.source.choice(self.connections), self.source.choice(self.keys)
        if lease in self.model.leases:
            fence, token = self.model.leases[lease]
            assert connection.error("ACQUIRE", lease, "1h") == "CONFLICT"
            renewed = connection.call("RENEW", lease, token, "1h")
            assert renewed > token
            self.model.leases[lease] = (fence, renewed)
        else:
            token = connection.call("ACQUIRE", lease, "1h")
            self.model.leases[lease] = (token, token)

    def judge(self) -> None:
        """Compares everything that can be read."""
        for connection in self.connections:
            for words in (["KEYS", "LIST"], ["KEYS", "RANGE", 0, 0], ["EXPORT", *self.keys]):
                compare(words, connection.call(*words), self.model.expect(words))  # type: ignore[arg-type]
            for key in self.keys:
                there = self.model.kinds(key)
                assert tracker(connection, key) == ((self.model.hashes[key], there) if there else None)
                compare(["GET", key], connection.call("GET", key), self.model.values.get(key))
                held, expected = connection.holder(key), self.model.leases.get(key)
                assert (held and (held["fence"], held["token"])) == expected

    def restart(self) -> None:
        self.close()
        self.daemon.restart()
        self.connect()


@pytest.mark.timeout(600)
def test_random_operations_answer_as_the_model_does(daemon: Daemon) -> None:
    source = random.Random(seed())
    steps = rounds("LEASED_MODEL_STEPS", 2_000)
    comparison = Comparison(daemon, source)
    try:
        for step in range(1, steps + 1):
            comparison.step()
            if step % 100 == 0:
                comparison.judge()
            if step % 500 == 0:
                comparison.restart()
                comparison.judge()
    finally:
        comparison.close()


class Mixer(threading.Thread):
    """A client that mixes all operations on a few shared keys, and removes what it has made."""

    def __init__(self, number: int, server: Daemon, keys: list[bytes], chosen: int) -> None:
        super().__init__(name=f"mixer {number}", daemon=True)
        self.number, self.server, self.keys = number, server, keys
        self.random = random.Random(f"{chosen}/{number}")
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.server.connect(self.random.choice([2, 3]), timeout=60) as connection:
                for step in range(12):
                    self.mix(connection, self.random.choice(self.keys), step)
        except BaseException as error:
            self.failure = error

    def mix(self, connection: Connection, key: bytes, step: int) -> None:
        child = b"%d/%d" % (self.number, step)
        match self.random.randrange(4):
            case 0:
                assert connection.call("PUT", key, child) == OK
                assert connection.call("DELETE", key) in {0, 1}, "another may have deleted it"
            case 1:
                assert connection.call("PREFIX", "APPEND", key, child) == OK
                assert connection.error("PREFIX", "APPEND", key, child) == "EXISTS"
                assert b"prefix" in kinds(connection, key), "this child is there"
                assert connection.call("PREFIX", "CONTAINS", key, child) == 1
                assert connection.call("PREFIX", "REMOVE", key, child) == 1
                assert connection.call("PREFIX", "CONTAINS", key, child) == 0
            case 2:
                connection.send("ACQUIRE", key, "1h")
                token = connection.receive()
                if isinstance(token, ReplyError):
                    assert token.word == "CONFLICT"
                    return
                assert b"lease" in kinds(connection, key)
                assert connection.call("PREFIX", "APPEND", key, child, "IF", key, token) == OK
                assert connection.call("PREFIX", "REMOVE", key, child, "IF", key, token) == 1
                assert connection.call("RELEASE", key, token) == OK
                assert connection.error("PUT", key, "too late", "IF", key, token) == "EXPIRED"
            case 3:
                words: list[Argument] = list(itertools.chain(*(("CHILD", child + b"/%d" % i) for i in range(3))))
                assert connection.call("IMPORT", "KEY", key, *words) == OK
                assert set(words[1::2]) <= set(connection.call("PREFIX", "LIST", key))
                for each in words[1::2]:
                    assert connection.call("PREFIX", "REMOVE", key, each) == 1


@pytest.mark.timeout(300)
def test_fifty_clients_on_eight_keys_leave_no_tracker_behind(daemon: Daemon) -> None:
    chosen = seed()
    keys = [b"shared/%d" % i for i in range(8)]
    mixers = [Mixer(number, daemon, keys, chosen) for number in range(50)]
    for mixer in mixers:
        mixer.start()
    for mixer in mixers:
        mixer.join(120)
        if mixer.failure is not None:
            raise mixer.failure
        assert not mixer.is_alive()
    with daemon.connect() as client:
        assert listed(client) == {}
        assert ranged(client, 0, 0) == []
        assert client.leases() == []
        assert client.call("EXPORT", *keys) == [[b"KEY", key] for key in keys]
        daemon.restart()
    with daemon.connect() as client:
        assert listed(client) == {}
