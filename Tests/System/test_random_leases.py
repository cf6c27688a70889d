"""Random commands of section 3 on several connections, one step at a time, compared with a model of the contract.

After each step every reply, every event, and the holder and the queue of each lease must equal the model's: grants do
not overlap, tokens rise, queues are first come, first served, and a client that left is never granted. `LEASED_SEED`
replays a run, `LEASED_STEPS` sets its length.
"""

import random
from collections import Counter
from typing import Any

import pytest

from harness.clock import eventually
from harness.daemon import Daemon
from harness.leasemodel import LeaseModel, Wait
from harness.resp import OK, Argument, Connection, ReplyError, Simple, encode
from harness.seeds import rounds, seed
from harness.waiting import unanswered
from harness.watching import Watcher

NAMES = [f"random/{letter}" for letter in "abc"]
CLIENTS = 8
HOUR, SECOND = 3_600_000, 1_000


class Run:
    """One daemon, some connections, and the model of what they must see."""

    def __init__(self, daemon: Daemon, chosen: int) -> None:
        self.daemon = daemon
        self.random = random.Random(chosen)
        self.model = LeaseModel(self.issued)
        self.connections: dict[int, Connection] = {}
        self.ties: set[int] = set()
        self.number = self.last = 0
        self.fresh: list[int] = []
        self.tokens: dict[str, list[int]] = {name: [1] for name in NAMES}
        self.requests: list[str] = ["first request of all"]
        self.done: Counter[str] = Counter()
        self.trail: list[str] = []
        self.open()

    # Connections

    def open(self) -> None:
        self.judge = self.daemon.connect()
        self.watcher = Watcher(self.daemon, "random/*")
        for _ in range(CLIENTS):
            self.connect()

    def connect(self) -> int:
        self.number += 1
        self.connections[self.number] = self.daemon.connect()
        return self.number

    def close_all(self) -> None:
        for connection in [*self.connections.values(), self.judge, self.watcher.connection]:
            connection.close()
        self.connections.clear()
        self.ties.clear()

    def idle(self) -> int:
        """A connection that can send a command."""
        waiting = self.model.waiting()
        free = [number for number in self.connections if number not in waiting and number not in self.ties]
        return self.random.choice(free) if free else self.connect()

    def issued(self, number: int) -> int:
        """The reply with a fresh token, which must be above those of all earlier steps.

        One step may end several leases in any order, so the order of the tokens that it grants is not defined.
        """
        token = self.connections[number].receive()
        assert type(token) is int, f"connection {number} should have been granted: {token!r}"
        assert token > self.last, "tokens rise"
        assert token not in self.fresh, "no token is issued twice"
        self.fresh.append(token)
        return token

    def answered(self, number: int, expected: object) -> None:
        reply = self.connections[number].receive()
        plain = reply.word if isinstance(reply, ReplyError) else "OK" if reply == OK else reply
        assert plain == expected

    def send(self, number: int, *words: Argument) -> None:
        self.trail.append(f"{number}: {' '.join(str(word) for word in words)}")
        self.connections[number].send(*words)

    # Steps

    def step(self) -> None:
        steps = {
            self.acquire: 40, self.renew: 20, self.release: 15, self.check: 6, self.tie: 10, self.revoke: 6,
            self.remove: 2, self.time_out: 3, self.close: 10, self.half_close: 4,
        }  # fmt: skip
        chosen = self.random.choices(list(steps), list(steps.values()))[0]
        self.done[chosen.__name__] += 1
        chosen()
        self.compare()

    def name(self) -> str:
        return self.random.choice(NAMES)

    def token(self, name: str) -> int:
        """Mostly the newest token of a lease, sometimes an older one, or another lease's."""
        held = self.model.tenures.get(name)
        if held is not None and self.random.random() < 0.75:
            return held.token
        if held is not None and self.random.random() < 0.5:
            return self.random.choice([held.replaced or held.fence, held.fence])
        return self.random.choice(self.tokens[self.name() if self.random.random() < 0.2 else name])

    def request(self, name: str) -> str:
        """No request id, a new one, or a used one: often that of the lease's holder or of a waiter."""
        draw = self.random.random()
        if draw < 0.3:
            return ""
        if draw < 0.4:
            return self.random.choice(self.requests[-12:])
        if draw < 0.7:
            held = self.model.tenures.get(name)
            known = [wait.request for wait in self.model.queues[name]] + ([held.request[1]] if held else [])
            return self.random.choice(known or [""])
        self.requests.append(f"{self.random.getrandbits(128):032x}")
        return self.requests[-1]

    def acquire(self) -> None:
        number, name = self.idle(), self.name()
        request = self.request(name)
        waits, bind = self.random.random() < 0.6, self.random.random() < 0.3
        owner = f"owner {number} of step {sum(self.done.values())}"
        words: list[Argument] = ["OWNER", owner]
        words += ["WAIT", "FOREVER"] if waits else []
        words += ["REQUEST", request] if request else []
        words += ["BIND"] if bind else []
        if waits:
            # The reply to a command in the same write shows that the other has been decided.
            self.trail.append(f"{number}: ACQUIRE {name} 1h {' '.join(str(word) for word in words)}")
            self.connections[number].send_raw(encode("PING") + encode("ACQUIRE", name, "1h", *words))
            assert self.connections[number].receive() == Simple("PONG")
        else:
            self.send(number, "ACQUIRE", name, "1h", *words)
        held = self.model.tenures.get(name)
        answer = self.model.acquire(name, Wait(number, owner, HOUR, request, bind), waits)
        if answer is None:
            # The contract does not say whether the daemon closes connections that have lost their place: here they
            # close themselves.
            displaced = self.model.displaced & set(self.connections)
            for other in displaced:
                self.hang_up(other)
            self.done["displaced"] += len(displaced)
        elif held is not None:
            self.done["replayed"] += answer != "CONFLICT"
            self.answered(number, answer)

    def renew(self) -> None:
        number, name = self.idle(), self.name()
        token, request = self.token(name), self.request(name)
        held = self.model.tenures.get(name)
        again = held is not None and held.replays("RENEW", request)
        binding = self.random.choices(["", "BIND", "" if again else "UNBIND"], [6, 2, 1])[0]
        words = ["REQUEST", request] if request else []
        words += [binding] if binding else []
        self.send(number, "RENEW", name, token, "1h", *words)
        before = len(self.fresh)
        answer = self.model.renew(name, token, HOUR, request, number, binding)
        if len(self.fresh) == before:
            self.answered(number, answer)

    def release(self) -> None:
        number, name = self.idle(), self.name()
        token = self.token(name)
        self.send(number, "RELEASE", name, token)
        self.answered(number, self.model.release(name, token))

    def check(self) -> None:
        number, name = self.idle(), self.name()
        token = self.token(name)
        self.send(number, "CHECK", name, token)
        reply = self.connections[number].receive()
        if self.model.is_current(name, token):
            held = self.model.tenures[name]
            assert type(reply) is int
            assert held.revoking or (reply == 0) == held.overdue
        else:
            assert isinstance(reply, ReplyError)
            assert reply.word == "EXPIRED"

    def tie(self) -> None:
        number, name = self.connect(), self.name()
        token = self.token(name)
        self.send(number, "TIE", name, token)
        answer = self.model.tie(name, token, number)
        self.answered(number, answer)
        if answer == "OK":
            self.ties.add(number)
            if self.random.random() < 0.8:
                self.connections[number].finish_sending()
            if self.random.random() < 0.3:
                number = self.random.choice(sorted(self.ties))
                self.hang_up(number)

    def revoke(self) -> None:
        number, name, later = self.idle(), self.name(), self.random.random() < 0.6
        self.send(number, "REVOKE", name, "AFTER", "1h" if later else "0s")
        self.answered(number, self.model.revoke(name, later))

    def remove(self) -> None:
        number, name = self.idle(), self.name()
        self.send(number, "KEYS", "REMOVE", name)
        self.answered(number, self.model.revoke(name, False))

    def time_out(self) -> None:
        """A wait that ends before anything else happens."""
        held = [name for name in NAMES if name in self.model.tenures]
        if held:
            number = self.idle()
            self.send(number, "ACQUIRE", self.random.choice(held), "1h", "WAIT", "20ms")
            self.answered(number, "TIMEOUT")

    def close(self) -> None:
        number = self.random.choice(sorted(self.connections))
        self.trail.append(f"{number}: closes")
        self.hang_up(number)

    def half_close(self) -> None:
        """For a connection that is not a tie: it is closed, and its bindings and waits end."""
        number = self.random.choice(sorted(set(self.connections) - self.ties) or [self.connect()])
        self.trail.append(f"{number}: half closes")
        self.connections[number].finish_sending()
        waits = number in self.model.waiting()
        self.model.closed(number)
        rest = self.connections[number].rest()
        assert not any(type(reply) is int for reply in rest), "granted after it left"
        assert rest == [] or waits
        self.connections.pop(number).close()

    def hang_up(self, number: int) -> None:
        self.connections.pop(number).close()
        self.ties.discard(number)
        self.model.closed(number)

    def hold_untied(self, name: str) -> None:
        """Makes sure that a lease is held, by a tenure that is neither tied nor revoked."""
        held = self.model.tenures.get(name)
        if held is not None and (held.revoking or (held.attached is not None and held.attached[0] == "tied")):
            number = self.idle()
            self.send(number, "REVOKE", name, "AFTER", "0s")
            self.answered(number, self.model.revoke(name, False))
            self.compare()
        if name not in self.model.tenures:
            number = self.idle()
            self.send(number, "ACQUIRE", name, "1h", "OWNER", "who must be there")
            self.model.acquire(name, Wait(number, "who must be there", HOUR, "", False), False)
            self.compare()

    def hold_tied(self, name: str) -> None:
        self.hold_untied(name)
        number, token = self.connect(), self.model.tenures[name].token
        self.send(number, "TIE", name, token)
        self.answered(number, self.model.tie(name, token, number))
        self.ties.add(number)
        self.compare()

    def let_time_pass(self) -> None:
        """Deadlines pass: tied tenures become overdue, and others end."""
        self.hold_tied(NAMES[0])
        self.hold_untied(NAMES[-1])
        held = [name for name, tenure in self.model.tenures.items() if not tenure.revoking]
        short = [name for name in held if name in {NAMES[0], NAMES[-1]} or self.random.random() < 0.6]
        for name in short:
            number = self.idle()
            tenure = self.model.tenures[name]
            self.send(number, "RENEW", name, tenure.token, "1s")
            self.model.renew(name, tenure.token, SECOND, "", number, "")
        for name in short:
            self.model.deadline_passed(name)
            self.done[self.model.events[name][0][0]] += 1
        self.compare()

    def restart(self) -> None:
        """SIGKILL and a new start. Overdue tenures would end soon after, so they are renewed or ended before."""
        for name, tenure in [entry for entry in self.model.tenures.items() if entry[1].overdue]:
            number = self.idle()
            if tenure.revoking:
                self.send(number, "RELEASE", name, tenure.token)
                self.answered(number, self.model.release(name, tenure.token))
            else:
                self.send(number, "RENEW", name, tenure.token, "1h")
                self.model.renew(name, tenure.token, HOUR, "", number, "")
        self.compare()
        self.trail.append("SIGKILL")
        self.daemon.restart()
        self.close_all()
        self.model.restarted()
        self.open()
        self.compare()

    # The judgement

    def shown(self, name: str) -> dict[str, Any]:
        return self.judge.holder(name) or {"waiters": 0}

    def compare(self) -> None:
        self.last, self.fresh = max([self.last, *self.fresh]), []
        due = self.model.take_events()
        seen: dict[str, list[tuple[str, int]]] = {}
        for _ in range(sum(len(events) for events in due.values())):
            event = self.watcher.next()
            seen.setdefault(event.channel.decode(), []).append((event.kind, event.fence))
        assert seen == due
        waiting = self.model.waiting()
        eventually(
            lambda: (
                {name: self.shown(name)["waiters"] for name in NAMES}
                == {name: len(self.model.queues[name]) for name in NAMES}
            ),
            5,
            "the queues of the model",
        )
        assert unanswered(self.judge, *(self.connections[number] for number in waiting)), "granted out of turn"
        assert self.watcher.sofar() == []
        for name in NAMES:
            self.compare_holder(name)
        assert [entry["name"].decode() for entry in self.judge.leases("PREFIX", "random/")] == sorted(
            self.model.tenures
        )
        for number in range(len(self.connections), CLIENTS):
            del number
            self.connect()

    def compare_holder(self, name: str) -> None:
        held, tenure = self.judge.holder(name), self.model.tenures.get(name)
        if tenure is None:
            assert held is None, f"{name} is held by {held}"
            return
        assert held is not None, f"{name} is free"
        for token in (tenure.fence, tenure.token):
            if token != self.tokens[name][-1]:
                self.tokens[name].append(token)
        how = tenure.attached[0] if tenure.attached else ""
        expected = {
            "fence": tenure.fence, "token": tenure.token, "owner": tenure.owner.encode(), "ttl_ms": tenure.ttl,
            "renewals": tenure.renewals, "bound": int(how == "bound"), "tied": int(how == "tied"),
        }  # fmt: skip
        assert {field: held[field] for field in expected} == expected
        states = {b"revoking"} if tenure.revoking else {b"held"}
        assert held["state"] in ({b"overdue"} if tenure.overdue and not tenure.revoking else states)


@pytest.mark.timeout(300)
def test_random_commands_do_what_the_model_says(daemon: Daemon) -> None:
    chosen = seed()
    run = Run(daemon, chosen)
    steps = rounds("LEASED_STEPS", 1_500)
    try:
        for step in range(1, steps + 1):
            run.step()
            if step % 250 == 0:
                run.let_time_pass()
            if step % 400 == 0:
                run.restart()
    except BaseException:
        print(f"failed in step {sum(run.done.values())}; the last commands:")
        print("\n".join(run.trail[-30:]))
        raise
    finally:
        run.close_all()
    print(f"{steps} steps: {dict(run.done)}")
    if steps >= 1_500:
        assert all(run.done[what] for what in ("replayed", "displaced", "overdue", "expired", "half_close", "time_out"))
