"""The cost of a command, in calls and not in time: syncs, system calls, allocations. A figure that rises has a reason.

The bounds on allocations are for a debug build, with a margin of a fifth; a release needs fewer. If a test is delayed
for a second, the journal is folded meanwhile, which also costs a few calls.
"""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.faults import Count, Counter
from harness.resp import Connection

Measure = Callable[[Callable[[], None]], Count]


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path)


@pytest.fixture
def counted(make_daemon: MakeDaemon, counter: Counter) -> Daemon:
    return make_daemon(environment=counter.environment).start()


@pytest.fixture
def cost(counter: Counter) -> Measure:
    """What the daemon does for some work, after the same work has been done once."""

    def measure(work: Callable[[], None]) -> Count:
        work()
        before = counter.now()
        work()
        return counter.now().since(before)

    return measure


def cycles(client: Connection, count: int) -> None:
    for number in range(count):
        token = client.call("ACQUIRE", f"lease{number}", "1h")
        client.call("RELEASE", f"lease{number}", token)


def test_a_lone_command_costs_one_sync_and_one_answer(counted: Daemon, cost: Measure) -> None:
    commands = 400
    with counted.connect() as client:
        count = cost(lambda: cycles(client, commands // 2))
    assert commands <= count.syncs <= commands + 5
    assert count.writes == commands
    assert count.reads <= 1.1 * commands
    assert count.waits <= 1.1 * commands
    assert count.file_writes <= 2.3 * commands, "the header and the page of one frame of the log"
    assert count.timers <= 0.1 * commands, "a timer that is put off is not set anew"
    assert count.file_locks <= 2.1 * commands, "the writer's lock, and its read mark only where the log is long"


def test_a_lone_command_costs_so_many_allocations(counted: Daemon, cost: Measure) -> None:
    with counted.connect() as client:

        def checks() -> None:
            for _ in range(400):
                assert client.error("CHECK", "nobody's", "5") == "EXPIRED"

        # Before there is anything to fold, which would be counted here.
        assert cost(checks).allocations <= 400 * 52
        assert cost(lambda: cycles(client, 200)).allocations <= 400 * 72


def test_what_changes_nothing_costs_no_sync(counted: Daemon, cost: Measure) -> None:
    with counted.connect() as client:
        client.call("PUT", "key", "value")
        token = client.call("ACQUIRE", "lease", "1h")

        def reads() -> None:
            client.call("PING")
            client.call("CHECK", "lease", token)
            client.call("HOLDER", "lease")
            client.call("GET", "key")
            client.error("ACQUIRE", "lease", "1h")
            client.error("RENEW", "lease", token + 1, "1h")

        count = cost(reads)
    assert (count.syncs, count.file_writes, count.file_locks) == (0, 0, 0)


def test_those_who_come_together_share_a_sync(counted: Daemon, counter: Counter) -> None:
    clients = [counted.connect() for _ in range(50)]
    for client in clients:
        client.call("PING")
    counted.pause()
    before = counter.now()
    for number, client in enumerate(clients):
        client.send("ACQUIRE", f"lease{number}", "1h")
    counted.signal(signal.SIGCONT)
    for client in clients:
        assert client.receive() > 0
    count = counter.now().since(before)
    for client in clients:
        client.close()
    assert count.syncs <= 2, "what one look at the sockets finds is one commit"
    assert count.writes == 50


def test_a_pipeline_shares_syncs_answers_and_reads(counted: Daemon, cost: Measure) -> None:
    with counted.connect() as client:

        def pipeline() -> None:
            for number in range(1000):
                client.send("RENEW", f"lease{number % 10}", 1, "1h")
                client.send("TOKEN")
            for _ in range(2000):
                client.receive()

        count = cost(pipeline)
    assert max(count.syncs, count.writes, count.reads) <= 200, count


def test_an_idle_daemon_sleeps(counted: Daemon, counter: Counter) -> None:
    # An existing store is inspected before it is opened.
    counted.restart()
    with counted.connect() as client:
        cycles(client, 10)
        # After a list, which is read on a separate thread, no thread remains that wakes up.
        client.call("LEASES")

        def is_folded() -> bool:
            info = client.call("INFO", "store").decode()
            return "store_journal_backlog:0\r\n" in info

        eventually(is_folded, 20, "the end of the folding")
    # The remaining work is done: the end of that connection, and a status that was held back as too frequent.
    pass_instant(now() + 2)
    before = counter.now()
    pass_instant(now() + 3)
    count = counter.now().since(before)
    assert (count.syncs, count.writes, count.reads, count.timers, count.waits) == (0, 0, 0, 0, 0)
