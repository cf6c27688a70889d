"""Clients that work on a few leases, record what they see, and survive the daemon's death."""

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from history import Operation

from .clock import now_ns
from .daemon import Daemon
from .resp import ClosedError, Connection, ReplyError, pairs

#: Name and TTL of each lease. One TTL per name, as the checker requires.
LEASES = {"crash/a": "1s", "crash/b": "1500ms", "crash/c": "3s", "crash/d": "1s"}
NANOSECONDS = {"1s": 1_000_000_000, "1500ms": 1_500_000_000, "3s": 3_000_000_000}


@dataclass
class Command:
    """One command of the plan, before it is sent."""

    verb: str
    name: str = ""
    token: int = 0
    request: str = ""

    def words(self) -> list[str | int]:
        tail: list[str | int] = ["REQUEST", self.request] if self.request else []
        match self.verb:
            case "ACQUIRE":
                return ["ACQUIRE", self.name, LEASES[self.name], *tail]
            case "RENEW":
                return ["RENEW", self.name, self.token, LEASES[self.name], *tail]
            case "RELEASE" | "CHECK":
                return [self.verb, self.name, self.token]
            case "TOKEN":
                return ["TOKEN"]
        return [self.verb, self.name]


@dataclass
class LoadClient:
    """One client with a plan drawn from `random`; it holds at most one lease."""

    number: int
    daemon: Daemon
    random: random.Random
    stopped: threading.Event
    up: threading.Event
    operations: list[Operation] = field(default_factory=list)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._mine: tuple[str, int, int] | None = None
        self._again: Command | None = None
        self._connection: Connection | None = None
        self.thread = threading.Thread(target=self._run, name=f"load {self.number}", daemon=True)

    def _run(self) -> None:
        try:
            while not self.stopped.is_set():
                if self._connection is None:
                    self.up.wait(1)
                    with contextlib.suppress(ConnectionError, FileNotFoundError, BlockingIOError):
                        self._connection = self.daemon.connect()
                    continue
                self.perform(self._again or self._choose())
        except BaseException as error:
            self.failure = error
        finally:
            if self._connection is not None:
                self._connection.close()

    def _choose(self) -> Command:
        request = f"{self.random.getrandbits(128):032x}" if self.random.random() < 0.5 else ""
        if self._mine is not None and self.random.random() < 0.9:
            name, fence, token = self._mine
            verb = self.random.choices(["RENEW", "RELEASE", "CHECK"], [5, 2, 3])[0]
            return Command(verb, name, fence if verb == "CHECK" else token, request if verb == "RENEW" else "")
        verb = self.random.choices(["ACQUIRE", "HOLDER", "TOKEN", "REVOKE"], [12, 5, 3, 1])[0]
        name = "" if verb == "TOKEN" else self.random.choice(list(LEASES))
        return Command(verb, name, request=request if verb == "ACQUIRE" else "")

    def perform(self, command: Command) -> None:
        """Sends one command, records the outcome, and remembers what it means."""
        assert self._connection is not None
        send, reply = now_ns(), None
        try:
            self._connection.send(*command.words())
            answer = self._connection.receive()
            end = now_ns()
        except (ClosedError, BrokenPipeError, ConnectionResetError):
            end = now_ns()
            self._connection.close()
            self._connection = None
        else:
            reply = self._plain(command.verb, answer)
        ttl = NANOSECONDS[LEASES[command.name]] if command.name else 0
        self.operations.append(
            Operation(command.verb, send, end, reply, command.name, command.token, ttl, command.request, self.number)
        )
        self._remember(command, reply)

    @staticmethod
    def _plain(verb: str, answer: object) -> int | str:
        if isinstance(answer, ReplyError):
            assert answer.word in {"CONFLICT", "EXPIRED"}, f"unexpected error: {answer!r}"
            return answer.word
        if verb == "HOLDER":
            return 0 if answer is None else int(pairs(answer)["fence"])
        if verb == "RELEASE":
            return "OK"
        assert type(answer) is int, f"{verb} answered {answer!r}"
        return answer

    def _remember(self, command: Command, reply: int | str | None) -> None:
        self._again = command if reply is None and command.request else None
        if command.verb == "ACQUIRE" and isinstance(reply, int):
            self._mine = (command.name, reply, reply)
        elif command.verb == "RENEW" and isinstance(reply, int) and self._mine is not None:
            self._mine = (self._mine[0], self._mine[1], reply)
        elif command.verb in {"RENEW", "RELEASE"} and self._again is None:
            self._mine = None


@dataclass
class Load:
    """Several load clients on one daemon, as a context: at its end they are stopped, and their failures raised."""

    daemon: Daemon
    seed: int
    count: int = 8

    def __enter__(self) -> "Load":
        self._stopped, self._up = threading.Event(), threading.Event()
        self._up.set()
        self.clients = [
            LoadClient(number, self.daemon, random.Random(f"{self.seed}/{number}"), self._stopped, self._up)
            for number in range(self.count)
        ]
        for client in self.clients:
            client.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._up.set()
        for client in self.clients:
            client.thread.join(30)

    def while_down(self, action: Callable[[], None]) -> None:
        """Runs an action during which the daemon is away; no client tries to connect meanwhile."""
        self._up.clear()
        action()
        self._up.set()

    def operations(self) -> list[Operation]:
        """All recorded operations; raises the failure of a client."""
        for client in self.clients:
            if client.failure is not None:
                raise client.failure
        return [operation for client in self.clients for operation in client.operations]
