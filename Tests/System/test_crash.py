"""SIGKILL at random moments under load: what was answered holds, whatever the moment.

The checker knows nothing of the daemon; it judges what the clients saw. `LEASED_SEED` replays a plan (what each client
sends, when the daemon is killed), `LEASED_CRASH_ROUNDS` sets the number of deaths on one store.
"""

import random
import sqlite3
import threading
from collections import Counter

import pytest

from checker import check
from harness.clock import now_ns
from harness.daemon import Daemon
from harness.load import LEASES, Command, Load, LoadClient
from harness.resp import ClosedError, encode
from harness.seeds import rounds, seed
from history import History, Outage


def kill_and_start(daemon: Daemon, down: float) -> Outage:
    killed = now_ns()
    daemon.kill()
    dead = now_ns()
    threading.Event().wait(down)
    daemon.start()
    return Outage(killed, dead, int(daemon.spawned_at * 1e9), int(daemon.ready_at * 1e9))


@pytest.mark.timeout(600)
def test_what_was_answered_holds_over_sigkill(daemon: Daemon) -> None:
    chosen = seed()
    source = random.Random(chosen)
    history = History()
    with Load(daemon, chosen) as load:
        for _ in range(rounds("LEASED_CRASH_ROUNDS", 30)):
            threading.Event().wait(source.uniform(0.02, 0.5))  # a random moment is what is tested
            # Sometimes it is away for longer than the shorter TTLs.
            down = source.uniform(0.9, 1.6) if source.random() < 0.2 else 0.0
            load.while_down(lambda down=down: history.outages.append(kill_and_start(daemon, down)))  # type: ignore[misc]
    history.operations = load.operations()

    # At the end a new client asks for each lease once more.
    judge = LoadClient(99, daemon, source, threading.Event(), threading.Event())
    judge._connection = daemon.connect()
    for name in LEASES:
        judge.perform(Command("HOLDER", name))
    judge.perform(Command("TOKEN"))
    judge._connection.close()
    history.operations += judge.operations

    counted = Counter(o.verb for o in history.operations if o.reply is not None)
    lost = sum(o.reply is None for o in history.operations)
    print(f"{len(history.outages)} deaths, answered: {dict(counted)}, lost replies: {lost}")
    assert check(history) == []
    granted = Counter(o.verb for o in history.operations if o.granted)
    assert granted["ACQUIRE"] > len(history.outages), "the load did something"
    assert granted["RENEW"] > len(history.outages)
    assert lost > 0, "no death hit a command under way"

    daemon.stop()
    with sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_each_answered_grant_of_a_burst_is_there_after_sigkill(daemon: Daemon, name: str) -> None:
    """Group commit: many grants in one turn; the daemon is killed as soon as the first reply is seen."""
    for turn in range(10):
        with daemon.connect() as client:
            client.send_raw(b"".join(encode("ACQUIRE", f"{name}/{turn}/{i}", "1h") for i in range(500)))
            answered = [client.receive()]
            daemon.kill()
            try:
                while True:
                    answered.append(client.receive())
            except ClosedError:
                pass
        assert all(type(reply) is int for reply in answered)
        daemon.start()
        with daemon.connect() as client:
            held = client.leases("PREFIX", f"{name}/{turn}/")
            fences = {entry["name"]: entry["fence"] for entry in held}
            for i, token in enumerate(answered):
                assert fences.get(f"{name}/{turn}/{i}".encode()) == token, f"grant {i} of {len(answered)} answered"
            highest = max([token for token in answered if isinstance(token, int)] + list(fences.values()))
            assert client.call("TOKEN") > highest


def test_a_lost_reply_is_found_again_by_its_request_id(daemon: Daemon, name: str) -> None:
    for turn in range(10):
        identifier = f"{turn:032}"
        with daemon.connect() as client:
            client.send("ACQUIRE", f"{name}/{turn}", "1h", "REQUEST", identifier)
            daemon.restart()
        with daemon.connect() as client:
            shown = client.holder(f"{name}/{turn}")
            token = client.call("ACQUIRE", f"{name}/{turn}", "1h", "REQUEST", identifier)
            if shown is not None:
                assert shown["token"] == token
            assert client.call("ACQUIRE", f"{name}/{turn}", "1h", "REQUEST", identifier) == token
