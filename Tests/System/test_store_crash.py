"""SIGKILL in the middle of writes and imports: answered writes are there, and an import is there whole or not at all.

`LEASED_SEED` replays the plan of what is sent and when the daemon dies, `LEASED_CRASH_ROUNDS` sets the number of
deaths.
"""

import contextlib
import random
import sqlite3
import threading
from dataclasses import dataclass, field

import pytest

from harness.daemon import Daemon
from harness.faults import Trace
from harness.resp import OK, Argument, ClosedError, Connection, Reply, encode
from harness.seeds import rounds, seed
from harness.store import Entry, export, kinds, listed, parse

Content = tuple[bytes | None, frozenset[bytes]]
NOTHING: Content = (None, frozenset())


def call(connection: Connection, *words: Argument) -> Reply:
    """A reply; the exception distinguishes a closed connection from `None`."""
    try:
        return connection.call(*words)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise ClosedError from error


@dataclass
class Writer:
    """One client that writes separate keys until the daemon dies, and knows what each may hold afterwards."""

    number: int
    daemon: Daemon
    random: random.Random
    answered: int = 0
    #: The certain content of each key.
    certain: dict[bytes, Content] = field(default_factory=dict)
    #: What its key would hold after the write that got no answer.
    doubtful: tuple[bytes, Content] | None = None
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.daemon.connect() as connection:
                while True:
                    self.step(connection)
        except (ClosedError, ConnectionError, FileNotFoundError):
            pass
        except BaseException as error:
            self.failure = error

    def step(self, connection: Connection) -> None:
        key = b"writer/%d/%d" % (self.number, self.random.randrange(5))
        value, children = self.certain.get(key, NOTHING)
        match self.random.choice(["put", "put", "delete", "append", "remove", "keys remove", "import"]):
            case "put":
                new = self.random.randbytes(self.random.choice([0, 1, 50, 5_000]))
                self.write(connection, key, (new, children), OK, "PUT", key, new)
            case "delete":
                self.write(connection, key, (None, children), int(value is not None), "DELETE", key)
            case "append":
                child = b"%d" % self.random.randrange(1_000_000)
                if child not in children:
                    self.write(connection, key, (value, children | {child}), OK, "PREFIX", "APPEND", key, child)
            case "remove" if children:
                child = self.random.choice(sorted(children))
                self.write(connection, key, (value, children - {child}), 1, "PREFIX", "REMOVE", key, child)
            case "keys remove":
                self.write(connection, key, NOTHING, int((value, children) != NOTHING), "KEYS", "REMOVE", key)
            case "import":
                entry = Entry(key, b"imported %d" % self.answered, [b"i%d" % i for i in range(20)])
                content = (entry.value, children | set(entry.children))
                self.write(connection, key, content, OK, "IMPORT", *entry.words())

    def write(self, connection: Connection, key: bytes, content: Content, expected: Reply, *words: Argument) -> None:
        self.doubtful = (key, content)
        assert call(connection, *words) == expected, words
        self.certain[key] = content
        self.doubtful = None
        self.answered += 1

    def judge(self, connection: Connection) -> None:
        """Compares with what is there after a restart, and takes that as certain."""
        for number in range(5):
            key = b"writer/%d/%d" % (self.number, number)
            (entry,) = export(connection, key)
            found: Content = (entry.value, frozenset(entry.children))
            allowed = [self.certain.get(key, NOTHING)]
            if self.doubtful is not None and self.doubtful[0] == key:
                allowed.append(self.doubtful[1])
            assert found in allowed, f"{key!r} holds {found!r}; answered was {allowed!r}"
            expected = [kind for kind, there in ((b"simple", found[0] is not None), (b"prefix", found[1])) if there]
            assert kinds(connection, key) == expected, "the tracker goes with the writes"
            self.certain[key] = found
        self.doubtful = None


@pytest.mark.timeout(600)
def test_answered_writes_hold_over_sigkill(daemon: Daemon) -> None:
    chosen = seed()
    source = random.Random(chosen)
    writers = [Writer(number, daemon, random.Random(f"{chosen}/{number}")) for number in range(6)]
    lost = 0
    for _ in range(rounds("LEASED_CRASH_ROUNDS", 8)):
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        threading.Event().wait(source.uniform(0.05, 0.4))  # a random moment is what is tested
        daemon.kill()
        for thread in threads:
            thread.join(30)
        daemon.start()
        lost += sum(writer.doubtful is not None for writer in writers)
        with daemon.connect() as connection:
            for writer in writers:
                if writer.failure is not None:
                    raise writer.failure
                writer.judge(connection)
    answered = sum(writer.answered for writer in writers)
    print(f"{answered} writes answered, {lost} in doubt")
    assert answered > 100, "the writers did something"
    assert lost > 0, "no death hit a write under way"
    with daemon.connect() as connection:
        everything = {key for writer in writers for key, content in writer.certain.items() if content != NOTHING}
        assert set(listed(connection)) == everything
    daemon.stop()
    with sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def generation(connection: Connection, keys: list[bytes]) -> int:
    """The one generation that all keys have; 0 if there are none. Fails if an import was done in part."""
    entries = export(connection, *keys)
    values = {entry.value for entry in entries}
    assert len(values) == 1, f"keys of different imports: {sorted(map(repr, values))}"
    value = values.pop()
    assert len({tuple(entry.children) for entry in entries}) == 1, "children of different imports"
    there = listed(connection, "PREFIX", b"import/")
    if value is None:
        assert all(entry.children == [] for entry in entries)
        assert there == {}, "a tracker without a key"
        return 0
    assert value in entries[0].children, "the child of the import that brought the value"
    assert list(there) == keys
    assert all(kinds == [b"simple", b"prefix"] for kinds in there.values())
    return int(value)


@pytest.mark.timeout(600)
def test_an_import_is_whole_or_absent_after_sigkill(daemon: Daemon) -> None:
    """Imports of a few hundred keys follow one another, and sometimes all keys are removed at once. Wherever the daemon
    dies, all keys must be of one import: the last that was answered, or one that was sent after it.
    """
    source = random.Random(seed())
    keys = [b"import/%04d" % i for i in range(300)]
    number, seen = 0, set[str]()
    for _ in range(rounds("LEASED_CRASH_ROUNDS", 10)):
        first = number + 1
        plan: list[int] = []  # the generation after each command; 0 is all removed
        with daemon.connect() as connection:
            commands = []
            for _ in range(8):
                if source.random() < 0.25:
                    plan.append(0)
                    commands.append(encode("KEYS", "REMOVE", *keys))
                else:
                    number += 1
                    plan.append(number)
                    words = [w for key in keys for w in Entry(key, b"%d" % number, [b"%d" % number]).words()]
                    commands.append(encode("IMPORT", *words))
            before = generation(connection, keys)
            answered = 0
            after = source.randrange(len(plan))
            sender = threading.Thread(target=send_all, args=(connection, b"".join(commands)))
            sender.start()
            try:
                while answered < len(plan):
                    if answered == after:
                        threading.Event().wait(source.uniform(0, 0.03))
                        daemon.signal(9)
                    reply = connection.receive()
                    assert reply == OK or (type(reply) is int and plan[answered] == 0), reply
                    answered += 1
            except (ClosedError, ConnectionError):
                pass
            sender.join(30)
        daemon.wait()
        daemon.start()
        with daemon.connect() as connection:
            found = generation(connection, keys)
        # Commands are committed one at a time or several together: any state from the last answer on is possible.
        possible = [before, *plan][answered:]
        assert found in possible, f"generation {found}; {answered} of {plan} were answered, from {first} on"
        seen.add("answered" if found == possible[0] else "later")
    print(f"outcomes: {seen}")
    assert number > 0


def send_all(connection: Connection, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the daemon is dead, which is what is tested
        connection.send_raw(data)


@pytest.mark.root
@pytest.mark.parametrize("when", [1, 2])
def test_an_import_whose_sync_never_ends_is_whole_or_absent(daemon: Daemon, when: int) -> None:
    """A death at the very point of the promise: in the sync of the commit."""
    keys = [b"import/%04d" % i for i in range(300)]
    with daemon.connect() as connection:
        assert call(connection, "IMPORT", *words_of(keys, 1)) == OK
        answered = 1
        with Trace(daemon.pid, "fdatasync,fsync", f"signal=KILL:when={when}"):
            try:
                while answered < 10:
                    assert call(connection, "IMPORT", *words_of(keys, answered + 1)) == OK
                    answered += 1
            except ClosedError:
                pass
            daemon.wait()
    daemon.start()
    with daemon.connect() as connection:
        assert answered < 10
        assert generation(connection, keys) in {answered, answered + 1}


def words_of(keys: list[bytes], number: int) -> list[Argument]:
    return [word for key in keys for word in Entry(key, b"%d" % number, [b"%d" % number]).words()]


def test_each_answered_put_of_a_burst_is_there_after_sigkill(daemon: Daemon, name: str) -> None:
    """Many writes in one turn, leases among them; the daemon is killed as soon as the first reply is seen."""
    for turn in range(5):
        with daemon.connect() as client:
            commands = [
                encode("PUT", f"{name}/{turn}/{i}", i) + encode("ACQUIRE", f"{name}/{turn}/{i}", "1h")
                for i in range(300)
            ]
            client.send_raw(b"".join(commands))
            answered = [client.receive()]
            daemon.kill()
            try:
                while True:
                    answered.append(client.receive())
            except ClosedError:
                pass
        daemon.start()
        with daemon.connect() as client:
            keys = [f"{name}/{turn}/{i}" for i in range(300)]
            entries = [parse(entry) for entry in client.call("EXPORT", *keys)]
            for i, reply in enumerate(answered):
                entry = entries[i // 2]
                if i % 2 == 0:
                    assert reply == OK
                    assert entry.value == b"%d" % (i // 2), f"write {i} of {len(answered)} answered"
                else:
                    assert entry.lease is not None, f"grant {i} of {len(answered)} answered"
                    assert entry.lease.token == reply
