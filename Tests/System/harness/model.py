"""A correct daemon in virtual time, and clients that lose replies: correct histories for the checker's tests."""

import heapq
import random
from dataclasses import dataclass, field

from checker import GRACE
from history import History, Operation, Outage

MILLISECOND = 1_000_000
TTL = {"a": 1_000 * MILLISECOND, "b": 1_500 * MILLISECOND, "c": 3_000 * MILLISECOND}


@dataclass
class Held:
    """A tenure, as the contract defines it."""

    fence: int
    token: int
    replaced: int
    deadline: int
    request: tuple[str, str]
    graced: bool = False


@dataclass
class Attempt:
    """A command under way; `decided` with a reply, or dropped with its daemon."""

    client: int
    send: int
    verb: str
    name: str
    token: int
    request: str
    reply: int | str | None = None


@dataclass
class Model:
    """Clients, a daemon and its deaths, all from one seed."""

    seed: int
    clients: int = 6
    length: int = 20_000 * MILLISECOND
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.held: dict[str, Held] = {}
        self.last = 1_000
        self.known: dict[int, tuple[str, int, int] | None] = {}
        self.retry: dict[int, Attempt | None] = {}

    def some(self, most: int) -> int:
        return self.random.randrange(1, most * MILLISECOND)

    def run(self) -> History:
        queue: list[tuple[int, int, str, Attempt | None]] = []
        number = 0

        def schedule(at: int, kind: str, attempt: Attempt | None) -> None:
            nonlocal number
            number += 1
            heapq.heappush(queue, (at, number, kind, attempt))

        for client in range(self.clients):
            attempt = self.choose(client, self.some(50))
            schedule(attempt.send + self.some(20), "decide", attempt)
        schedule(self.some(2_000), "die", None)
        while queue:
            at, _, kind, current = heapq.heappop(queue)
            if at > self.length:
                break
            if kind == "die":
                ready = at + self.some(1_500)
                self.history.outages.append(Outage(at - 10, at, at + 10, ready))
                for held in self.held.values():
                    if not held.graced:
                        held.deadline = max(held.deadline, ready + min(TTL[self.name_of(held)], GRACE))
                        held.graced = True
                # Commands under way, decided or not, get no reply; their clients come back after the restart.
                lost = {id(a): a for _, _, k, a in queue if a is not None}
                queue.clear()
                for gone in lost.values():
                    self.record(gone, at + self.some(5), None)
                    again = self.choose(gone.client, ready + self.some(50))
                    schedule(again.send + self.some(20), "decide", again)
                schedule(ready + self.some(2_000), "die", None)
            elif kind == "decide" and current is not None:
                current.reply = self.decide(current, at)
                schedule(at + self.some(20), "answer", current)
            elif current is not None:
                self.record(current, at, current.reply)
                again = self.choose(current.client, at + self.some(200))
                schedule(again.send + self.some(20), "decide", again)
        return self.history

    def name_of(self, held: Held) -> str:
        return next(name for name, other in self.held.items() if other is held)

    # The daemon

    def issue(self) -> int:
        self.last += self.random.randrange(1, 5)
        return self.last

    def decide(self, attempt: Attempt, at: int) -> int | str:
        for name in [name for name, held in self.held.items() if at >= held.deadline]:
            del self.held[name]
        held, key = self.held.get(attempt.name), (attempt.verb, attempt.request)
        ttl = TTL.get(attempt.name, 0)
        if attempt.verb == "TOKEN":
            return self.issue()
        if attempt.verb == "HOLDER":
            return held.fence if held else 0
        if attempt.verb == "REVOKE":
            return 1 if self.held.pop(attempt.name, None) else 0
        if attempt.verb == "ACQUIRE":
            if held:
                return held.token if attempt.request and held.request == key else "CONFLICT"
            token = self.issue()
            self.held[attempt.name] = Held(token, token, 0, at + ttl, key)
            return token
        if held is None:
            return "EXPIRED"
        if attempt.verb == "CHECK":
            return (held.deadline - at) // MILLISECOND if attempt.token in {held.fence, held.token} else "EXPIRED"
        if attempt.verb == "RENEW" and attempt.request and held.request == key:
            return held.token if attempt.token in {held.token, held.replaced} else "EXPIRED"
        if attempt.token != held.token:
            return "EXPIRED"
        if attempt.verb == "RELEASE":
            del self.held[attempt.name]
            return "OK"
        self.held[attempt.name] = Held(held.fence, self.issue(), held.token, at + ttl, key)
        return self.last

    # The clients

    def choose(self, client: int, send: int) -> Attempt:
        again = self.retry.get(client)
        if again is not None:
            return Attempt(client, send, again.verb, again.name, again.token, again.request)
        request = f"{client}-{send}" if self.random.random() < 0.5 else ""
        mine = self.known.get(client)
        if mine is not None and self.random.random() < 0.8:
            name, fence, token = mine
            verb = self.random.choice(["RENEW", "RENEW", "RELEASE", "CHECK", "CHECK"])
            return Attempt(
                client, send, verb, name, fence if verb == "CHECK" else token, request if verb == "RENEW" else ""
            )
        verb = self.random.choices(["ACQUIRE", "HOLDER", "TOKEN", "REVOKE"], [10, 5, 2, 1])[0]
        name = "" if verb == "TOKEN" else self.random.choice(list(TTL))
        return Attempt(client, send, verb, name, 0, request if verb == "ACQUIRE" else "")

    def record(self, attempt: Attempt, end: int, reply: int | str | None) -> None:
        ttl = TTL.get(attempt.name, 0)
        self.history.operations.append(
            Operation(
                attempt.verb,
                attempt.send,
                end,
                reply,
                attempt.name,
                attempt.token,
                ttl,
                attempt.request,
                attempt.client,
            )
        )
        self.retry[attempt.client] = attempt if reply is None and attempt.request else None
        if attempt.verb == "ACQUIRE" and isinstance(reply, int):
            self.known[attempt.client] = (attempt.name, reply, reply)
        elif attempt.verb in {"RENEW", "RELEASE"}:
            mine = self.known.get(attempt.client)
            if attempt.verb == "RENEW" and isinstance(reply, int) and mine is not None:
                self.known[attempt.client] = (mine[0], mine[1], reply)
            elif reply is not None or not attempt.request:
                self.known[attempt.client] = None
