"""A model of leases, queues, bindings and ties, written from the contract, for tests that go step by step.

It has no clock: time passes only when it is told that a deadline has passed. It cannot know the number of a fresh
token, and gets it from `issue`, which reads the reply of the connection that is granted.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

#: An answer: a token, `None` (no reply yet, since the request waits), or a word: `OK` or an error's.
Answer = int | str | None


@dataclass
class Wait:
    """A request in a queue."""

    connection: int
    owner: str
    ttl: int
    request: str
    bind: bool


@dataclass
class Tenure:
    """A lease that is held. `attached` says how it is held (`bound`, `tied`) and by which connection."""

    fence: int
    owner: str
    ttl: int
    request: tuple[str, str]
    token: int = 0
    replaced: int = 0
    renewals: int = 0
    attached: tuple[str, int] | None = None
    revoking: bool = False
    overdue: bool = False

    def __post_init__(self) -> None:
        self.token = self.token or self.fence

    def replays(self, verb: str, request: str) -> bool:
        return bool(request) and self.request == (verb, request)


@dataclass
class LeaseModel:
    """All leases of one user on one daemon, and the events that are due since they were last taken."""

    issue: Callable[[int], int]
    tenures: dict[str, Tenure] = field(default_factory=dict)
    queues: dict[str, list[Wait]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    #: Connections whose place another has taken: they are not granted any more.
    displaced: set[int] = field(default_factory=set)

    # Commands

    def acquire(self, name: str, wait: Wait, waits: bool) -> Answer:
        held = self.tenures.get(name)
        if held is None:
            return self._grant(name, wait)
        if held.replays("ACQUIRE", wait.request):
            if wait.bind:
                held.attached = ("bound", wait.connection)
            return held.token
        if not waits:
            return "CONFLICT"
        queue = self.queues[name]
        for place, other in enumerate(queue):
            if wait.request and other.request == wait.request:
                self.displaced.add(other.connection)
                queue[place] = wait
                return None
        queue.append(wait)
        return None

    def renew(self, name: str, token: int, ttl: int, request: str, connection: int, binding: str) -> Answer:
        held = self.tenures.get(name)
        if held is None:
            return "EXPIRED"
        again = held.replays("RENEW", request)
        if token != held.token and not (again and token == held.replaced):
            return "EXPIRED"
        if held.revoking:
            return "REVOKED"
        if not again:
            held.replaced, held.token = held.token, self.issue(connection)
            held.ttl, held.request, held.overdue = ttl, ("RENEW", request), False
            held.renewals += 1
        if binding == "BIND":
            held.attached = ("bound", connection)
        elif binding == "UNBIND":
            held.attached = None
        return held.token

    def release(self, name: str, token: int) -> Answer:
        held = self.tenures.get(name)
        if held is None or held.token != token:
            return "EXPIRED"
        self._end(name, "released")
        return "OK"

    def tie(self, name: str, token: int, connection: int) -> Answer:
        held = self.tenures.get(name)
        if held is None or held.token != token:
            return "EXPIRED"
        held.attached = ("tied", connection)
        return "OK"

    def is_current(self, name: str, token: int) -> bool:
        """Whether `CHECK` accepts a token."""
        held = self.tenures.get(name)
        return held is not None and token in {held.fence, held.token}

    def revoke(self, name: str, later: bool) -> Answer:
        held = self.tenures.get(name)
        if held is None:
            return 0
        if later:
            held.revoking = True
            self.events[name].append(("revoking", held.fence))
        else:
            self._end(name, "revoked")
        return 1

    # Events

    def closed(self, connection: int) -> None:
        """A connection has closed: its waits end before anything is granted, then what was bound or tied to it."""
        for queue in self.queues.values():
            queue[:] = [wait for wait in queue if wait.connection != connection]
        for name, held in list(self.tenures.items()):
            if held.attached is not None and held.attached[1] == connection:
                self._end(name, "lost")

    def deadline_passed(self, name: str) -> None:
        held = self.tenures[name]
        if held.attached is not None and held.attached[0] == "tied":
            held.overdue = True
            self.events[name].append(("overdue", held.fence))
        else:
            self._end(name, "expired")

    def restarted(self) -> None:
        """The daemon has died and come back: queues, bindings and ties have ended, but not tenures."""
        self.queues.clear()
        self.displaced.clear()
        for held in self.tenures.values():
            held.attached = None

    # Views

    def waiting(self) -> dict[int, str]:
        """Which connection waits for which lease."""
        return {wait.connection: name for name, queue in self.queues.items() for wait in queue}

    def take_events(self) -> dict[str, list[tuple[str, int]]]:
        taken, self.events = self.events, defaultdict(list)
        return dict(taken)

    # The two ways of each tenure

    def _grant(self, name: str, wait: Wait) -> int:
        fence = self.issue(wait.connection)
        self.tenures[name] = Tenure(fence, wait.owner, wait.ttl, ("ACQUIRE", wait.request))
        if wait.bind:
            self.tenures[name].attached = ("bound", wait.connection)
        self.events[name].append(("acquired", fence))
        return fence

    def _end(self, name: str, how: str) -> None:
        self.events[name].append((how, self.tenures.pop(name).fence))
        if self.queues[name]:
            self._grant(name, self.queues[name].pop(0))
