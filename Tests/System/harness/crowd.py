"""Clients that wait, hold, renew, bind, tie, cancel, hang up and die, and note what they know for certain."""

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field

from .clock import now, now_ns, pass_instant
from .daemon import Daemon
from .resp import ClosedError, Connection, ReplyError, Simple, encode

NAMES = ["crowd/a", "crowd/b", "crowd/c"]
TTL = 1_000_000_000
FOREVER = 1 << 62


@dataclass
class Wait:
    """A request that waited: it was in the queue from `queued` on, unless that is 0, and at least until `left`."""

    name: str
    owner: str
    send: int
    life: int
    queued: int = 0
    left: int = FOREVER
    fence: int = 0
    reply: int = 0
    #: When its connection was closed before it had an answer, on the wall clock in ms.
    gave_up: int = 0


@dataclass
class Hold:
    """A tenure that was certainly held from `since` (a reply) until `until`."""

    name: str
    fence: int
    send: int
    since: int
    until: int
    style: str


@dataclass
class Notes:
    """The notes of all clients, and when the daemon was killed."""

    waits: list[Wait] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    #: Each death of the daemon: it was alive at the first instant, and dead at the second.
    deaths: list[tuple[int, int]] = field(default_factory=list)

    def life(self, instant: int) -> int:
        """Which life of the daemon an instant falls into."""
        return sum(killed <= instant for killed, _ in self.deaths)


@dataclass
class CrowdClient:
    """One client with a random plan, on a separate thread."""

    number: int
    daemon: Daemon
    random: random.Random
    notes: Notes
    stopped: threading.Event
    up: threading.Event
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._turn = 0
        self.thread = threading.Thread(target=self._run, name=f"crowd {self.number}", daemon=True)

    def _run(self) -> None:
        try:
            while not self.stopped.is_set():
                self.up.wait(1)
                with (
                    contextlib.suppress(ClosedError, ConnectionError, FileNotFoundError, BlockingIOError),
                    self.daemon.connect(timeout=20) as client,
                ):
                    self._turn += 1
                    self._one(client)
        except BaseException as error:
            self.failure = error

    def _pause(self, most: float) -> None:
        """A moment of work, of random length."""
        self.stopped.wait(self.random.uniform(0, most))

    def _one(self, client: Connection) -> None:
        wait = Wait(
            self.random.choice(NAMES), f"{self.number} in turn {self._turn}", now_ns(), self.notes.life(now_ns())
        )
        style = self.random.choice(["time", "bound", "tied"])
        patience = self.random.choice(["FOREVER", "FOREVER", "300ms", "2s"])
        words = ["BIND"] if style == "bound" else []
        identifier = f"{self.random.getrandbits(128):032x}"
        cancels = self.random.random() < 0.25
        limit = self.random.uniform(0.0, 0.6)
        self.notes.waits.append(wait)
        # The reply to the preceding command shows that the command in the same write is in the queue.
        client.send_raw(
            encode("PING")
            + encode("ACQUIRE", wait.name, "1s", "WAIT", patience, "REQUEST", identifier, "OWNER", wait.owner, *words)
        )
        try:
            assert client.receive() == Simple("PONG")
            wait.queued = now_ns()
            if cancels and not client.pending(limit):
                wait.left, wait.gave_up = now_ns(), int(time.time() * 1000)
                return
            answer = client.receive()
        except (ClosedError, ConnectionError):
            wait.left = 0  # the daemon has died: nothing is known of it
            raise
        wait.reply = now_ns()
        if isinstance(answer, ReplyError):
            assert answer.word == "TIMEOUT", answer
            wait.left = wait.send + {"300ms": 300_000_000, "2s": 2_000_000_000}[patience]
            return
        wait.fence = answer
        self._hold(client, wait, style)

    def _hold(self, client: Connection, wait: Wait, style: str) -> None:
        hold = Hold(wait.name, wait.fence, wait.send, wait.reply, wait.reply, style)
        self.notes.holds.append(hold)
        tie: Connection | None = None
        token = wait.fence
        try:
            if style == "tied":
                tie = self.daemon.connect(timeout=20)
                tie.call("TIE", hold.name, token)
                tie.finish_sending()
                hold.until = FOREVER
            sent = now_ns()
            left = client.call("CHECK", hold.name, token)
            hold.until = max(hold.until, sent + left * 1_000_000)
            for _ in range(self.random.randrange(3)):
                sent = now_ns()
                token = client.call("RENEW", hold.name, token, "1s")
                hold.until = max(hold.until, sent + TTL)
                self._pause(0.1)
            if style == "tied" and self.random.random() < 0.25:
                pass_instant(now() + 1.2)
            if self.random.random() < 0.5:
                self._over(hold)
                client.call("RELEASE", hold.name, token)
        except ReplyError as error:
            # A slow thread may outlive its lease; a lease that is certainly held is never EXPIRED.
            if error.word != "EXPIRED" or certain_until(self.notes, hold) > now_ns():
                raise
        finally:
            if style != "time":
                self._over(hold)
            if tie is not None:
                tie.close()

    @staticmethod
    def _over(hold: Hold) -> None:
        """From now on nothing is certain."""
        hold.until = min(hold.until, now_ns())


def violations(notes: Notes) -> list[str]:
    """The violations that the notes show."""
    return [*_overlaps(notes), *_falling_fences(notes), *_overtaken(notes)]


def certain_until(notes: Notes, hold: Hold) -> int:
    """The end of what is certain: ties and bindings end with the daemon, but deadlines do not."""
    if hold.style == "time":
        return hold.until
    deaths = [max(killed, hold.since) for killed, dead in notes.deaths if dead > hold.since]
    return min([hold.until, *deaths])


def _overlaps(notes: Notes) -> list[str]:
    found = []
    for name in NAMES:
        holds = sorted((hold for hold in notes.holds if hold.name == name), key=lambda hold: hold.fence)
        latest: Hold | None = None
        for hold in holds:
            if latest is not None and hold.since < certain_until(notes, latest):
                found.append(f"{hold} was granted while {latest} held")
            if latest is None or certain_until(notes, hold) > certain_until(notes, latest):
                latest = hold
    return found


def _falling_fences(notes: Notes) -> list[str]:
    found, highest = [], 0
    ends = sorted(notes.holds, key=lambda hold: hold.since)
    place = 0
    for hold in sorted(notes.holds, key=lambda hold: hold.send):
        while ends[place].since < hold.send:
            highest = max(highest, ends[place].fence)
            place += 1
        if hold.fence <= highest:
            found.append(f"{hold} is not above {highest}, which was answered before it was asked for")
    return found


def _overtaken(notes: Notes) -> list[str]:
    """A client that was in the queue before another asked, and was still in it, is granted first."""
    found = []
    for late in notes.waits:
        if not late.fence:
            continue
        for early in notes.waits:
            if (
                early.name == late.name
                and early.queued
                and early.queued < late.send
                and early.life == notes.life(late.reply)
                and (early.fence > late.fence if early.fence else early.left > late.reply)
            ):
                found.append(f"{late} overtook {early}")
    return found
