"""Many clients wait, renew, bind, tie, cancel, hang up and die on a few leases, while the daemon is killed repeatedly.

Their notes are judged afterwards, only by the contract. `LEASED_SEED` replays the plan of each client,
`LEASED_CROWD_ROUNDS` sets how often the daemon is killed.
"""

import contextlib
import random
import threading
from collections import Counter

import pytest

from harness.clock import eventually, now_ns
from harness.crowd import FOREVER, NAMES, CrowdClient, Hold, Notes, Wait, violations
from harness.daemon import Daemon
from harness.resp import ClosedError
from harness.seeds import rounds, seed
from harness.watching import Event, Watcher


class Recorder:
    """All events of one life of the daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self.events: list[Event] = []
        self._watcher = Watcher(daemon, "crowd/*")
        self._watcher.connection.socket.settimeout(60)
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self) -> None:
        with contextlib.suppress(ClosedError, OSError):
            while True:
                self.events.append(self._watcher.next())

    def finish(self) -> list[Event]:
        """Called after the end of the daemon, which ends the connection."""
        self._thread.join(20)
        self._watcher.connection.close()
        return self.events


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_crowd_is_served_by_the_contract(daemon: Daemon) -> None:
    chosen = seed()
    source = random.Random(chosen)
    notes, stopped, up = Notes(), threading.Event(), threading.Event()
    clients = [
        CrowdClient(number, daemon, random.Random(f"{chosen}/{number}"), notes, stopped, up) for number in range(16)
    ]
    lives: list[list[Event]] = []
    up.set()
    for client in clients:
        client.thread.start()
    for _ in range(rounds("LEASED_CROWD_ROUNDS", 4)):
        recorder = Recorder(daemon)
        threading.Event().wait(source.uniform(1.5, 4))  # a random moment is what is tested
        up.clear()
        notes.deaths.append((now_ns(), FOREVER))
        daemon.kill()
        notes.deaths[-1] = (notes.deaths[-1][0], now_ns())
        lives.append(recorder.finish())
        daemon.start()
        up.set()
    stopped.set()
    for client in clients:
        client.thread.join(60)
        if client.failure is not None:
            raise client.failure

    outcomes = Counter(
        "granted" if wait.fence else "gave up" if wait.gave_up else "timed out" if wait.reply else "lost"
        for wait in notes.waits
    )
    styles = Counter(hold.style for hold in notes.holds)
    print(f"{len(notes.deaths)} deaths; {dict(outcomes)}; held {dict(styles)}")
    assert violations(notes) == []
    judge_events(notes, lives)
    assert outcomes["granted"] > 50
    assert outcomes["gave up"] > 5
    assert min(styles[style] for style in ("time", "bound", "tied")) > 5
    with daemon.connect() as judge:
        eventually(lambda: judge.leases("PREFIX", "crowd/") == [], 15, "the end of all tenures: everybody has left")


def judge_events(notes: Notes, lives: list[list[Event]]) -> None:
    """Each tenure begins once and ends once, after the previous one; a waiter that gave up is not granted afterwards.
    """
    gave_up = {wait.owner: wait.gave_up for wait in notes.waits if wait.gave_up}
    for events in lives:
        current: dict[bytes, int] = {}
        for event in events:
            fields = event.fields
            if event.kind == "acquired":
                assert event.channel not in current, f"{event} begins before {current} has ended"
                current[event.channel] = event.fence
                closed = gave_up.get(str(fields["owner"]))
                # Its reply may have been under way when it left; a turn of the daemon is shorter than a quarter of a
                # second.
                assert closed is None or fields["at_ms"] < closed + 250, f"{event}: it had left at {closed}"
            elif event.kind in {"released", "expired", "revoked", "lost"}:
                begun = current.pop(event.channel, event.fence)
                assert begun == event.fence, f"{event} is not the end of {begun}"


# The judge itself


def test_the_judge_finds_nothing_in_right_notes() -> None:
    notes = Notes(
        waits=[
            Wait("crowd/a", "1", 0, 0, queued=1, fence=10, reply=5),
            Wait("crowd/a", "2", 2, 0, queued=3, fence=20, reply=30),
            Wait("crowd/a", "3", 2, 0, queued=3, left=20, gave_up=1),
            Wait("crowd/a", "4", 6, 0, queued=7, fence=30, reply=50),
        ],
        holds=[
            Hold("crowd/a", 10, 0, 5, 25, "bound"),
            Hold("crowd/a", 20, 2, 30, 45, "tied"),
            Hold("crowd/a", 30, 6, 50, 60, "time"),
            Hold("crowd/b", 25, 6, 31, 60, "time"),
        ],
    )
    assert violations(notes) == []


@pytest.mark.parametrize(
    "notes",
    [
        Notes(holds=[Hold("crowd/a", 10, 0, 5, 25, "bound"), Hold("crowd/a", 20, 2, 24, 45, "time")]),
        Notes(holds=[Hold("crowd/a", 10, 0, 5, FOREVER, "tied"), Hold("crowd/a", 20, 2, 24, 45, "time")]),
        Notes(holds=[Hold("crowd/a", 10, 0, 5, 25, "time"), Hold("crowd/a", 20, 2, 24, 24, "time")], deaths=[(10, 12)]),
        Notes(holds=[Hold("crowd/a", 20, 0, 5, 6, "time"), Hold("crowd/b", 10, 7, 8, 9, "time")]),
        Notes(holds=[Hold("crowd/a", 20, 0, 5, 6, "time"), Hold("crowd/b", 20, 7, 8, 9, "time")]),
        Notes(
            waits=[
                Wait("crowd/a", "1", 0, 0, queued=1, fence=20, reply=9),
                Wait("crowd/a", "2", 2, 0, fence=10, reply=5),
            ]
        ),
        Notes(
            waits=[
                Wait("crowd/a", "1", 0, 0, queued=1, left=9, gave_up=1),
                Wait("crowd/a", "2", 2, 0, fence=10, reply=5),
            ]
        ),
    ],
    ids=["overlap", "tie ignored", "deadline after a death", "lower fence", "same fence", "overtaken", "passed over"],
)
def test_the_judge_finds_what_is_wrong(notes: Notes) -> None:
    assert len(violations(notes)) == 1
    assert all(hold.name in NAMES for hold in notes.holds)
