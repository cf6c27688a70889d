"""A hundred thousand keys: the limits of a list without COUNT, and no delay of lease commands by a long list."""

import threading
from collections.abc import Iterator

import pytest

from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection, ReplyError
from harness.seeds import rounds
from harness.store import Entry

LIMIT = 100_000
CHUNK = 10_000


class Full:
    """A daemon whose store holds as many keys as one list may contain, and a key with as many children."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.keys = [b"%06d" % i for i in range(LIMIT - 1)]
        with daemon.connect(timeout=60) as client:
            for start in range(0, len(self.keys), CHUNK):
                words = [w for key in self.keys[start : start + CHUNK] for w in Entry(key, b"").words()]
                assert client.call("IMPORT", *words) == OK
            for start in range(0, LIMIT, CHUNK):
                children = [b"%06d" % i for i in range(start, start + CHUNK)]
                assert client.call("IMPORT", *Entry(b"parent", None, children).words()) == OK


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    daemon = Daemon(tmp_path_factory.mktemp("full")).start()
    yield Full(daemon)
    daemon.stop()
    daemon.discard()


@pytest.fixture
def client(full: Full) -> Iterator[Connection]:
    with full.daemon.connect(timeout=60) as connection:
        yield connection


def refuse(client: Connection, *command: Argument) -> None:
    with pytest.raises(ReplyError, match=r"COUNT|page") as refusal:
        client.call(*command)
    assert refusal.value.word == "TOOBIG"


def test_a_list_of_100_000_is_answered_and_one_more_is_toobig(full: Full, client: Connection) -> None:
    assert client.call("KEYS", "LIST") == [*([key, b"simple"] for key in full.keys), [b"parent", b"prefix"]]
    assert sorted(client.call("KEYS", "RANGE", 0, 0)) == [*full.keys, b"parent"]
    assert len(client.call("PREFIX", "LIST", "parent")) == LIMIT
    assert client.call("PUT", "zz", "") == OK
    assert client.call("PREFIX", "APPEND", "parent", "zz") == OK
    try:
        for command in (["KEYS", "LIST"], ["KEYS", "RANGE", 0, 0], ["PREFIX", "LIST", "parent"]):
            refuse(client, *command)
            first = client.call(*command, "COUNT", LIMIT // 2)
            assert len(first) == LIMIT // 2
            last = first[-1][0] if isinstance(first[-1], list) else first[-1]
            rest = client.call(*command, "AFTER", last)
            assert len(rest) == LIMIT // 2 + 1, "what is left fits without COUNT"
        assert len(client.call("KEYS", "LIST", "PREFIX", "0")) == LIMIT - 1, "the limit is on what is answered"
    finally:
        client.call("DELETE", "zz")
        client.call("PREFIX", "REMOVE", "parent", "zz")


class Asker(threading.Thread):
    """A client that acquires, renews and releases leases until it is stopped, and counts the replies."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(daemon=True)
        self.connection, self.replies, self.stopped = connection, 0, threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                token = self.connection.call("ACQUIRE", "beside the list", "30s")
                self.replies += 1
                token = self.connection.call("RENEW", "beside the list", token, "30s")
                self.replies += 1
                assert self.connection.call("RELEASE", "beside the list", token) == OK
                self.replies += 1
        except BaseException as error:
            self.failure = error


@pytest.mark.parametrize(
    "command",
    [["KEYS", "LIST"], ["KEYS", "RANGE", 0, 0], ["PREFIX", "LIST", "parent"]],
    ids=["list", "range", "prefix"],
)
def test_lease_commands_are_answered_while_a_long_list_is_made(full: Full, command: list[Argument]) -> None:
    """Counts the replies to another client between the sending of a list and its first byte. If the list were made
    where leases are decided, there would be at most the reply that is under way, and perhaps one more.
    """
    turns = 3
    with full.daemon.connect(timeout=60) as lister, full.daemon.connect(timeout=60) as other:
        asker = Asker(other)
        asker.start()
        beside = []
        try:
            for _ in range(turns):
                before = asker.replies
                lister.send(*command, "COUNT", LIMIT - 1)
                lister._fill()
                beside.append(asker.replies - before)
                assert len(lister.receive()) == LIMIT - 1
        finally:
            asker.stopped.set()
            asker.join(60)
        if asker.failure is not None:
            raise asker.failure
    print(f"lease replies during each list: {beside}")
    assert sum(beside) > 4 * turns, beside


def test_a_client_who_does_not_read_its_lists_delays_nobody(full: Full) -> None:
    with full.daemon.connect() as lister, full.daemon.connect() as other:
        for _ in range(rounds("LEASED_LONG_LISTS", 5)):
            lister.send("KEYS", "LIST", "COUNT", LIMIT - 1)
        for i in range(100):
            token = other.call("ACQUIRE", f"beside/{i}", "30s")
            assert other.call("RELEASE", f"beside/{i}", token) == OK
        for _ in range(rounds("LEASED_LONG_LISTS", 5)):
            assert len(lister.receive()) == LIMIT - 1
