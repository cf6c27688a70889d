"""Waiters in a lease's queue, and what can be observed of them from outside."""

from .clock import eventually
from .daemon import Daemon
from .resp import Argument, Connection


def waiters(judge: Connection, name: Argument) -> int:
    """How many wait for a lease, according to `HOLDER`; 0 if nobody holds it."""
    held = judge.holder(name)
    return 0 if held is None else int(held["waiters"])


def await_waiters(judge: Connection, name: Argument, count: int) -> None:
    """Waits until this many are in the queue of a lease."""
    eventually(lambda: waiters(judge, name) == count, 10, f"a queue of {count}")


def join(
    daemon: Daemon,
    judge: Connection,
    name: Argument,
    *more: Argument,
    ttl: str = "1h",
    wait: str = "FOREVER",
    protocol: int = 2,
) -> Connection:
    """A new connection that waits for a held lease, and is already in its queue."""
    before = waiters(judge, name)
    waiter = daemon.connect(protocol, timeout=30)
    waiter.send("ACQUIRE", name, ttl, "WAIT", wait, *more)
    await_waiters(judge, name, before + 1)
    return waiter


def unanswered(judge: Connection, *connections: Connection) -> bool:
    """Whether none of these has been answered by anything that the daemon has done so far."""
    for _ in range(2):  # a turn's replies are all written before the next turn's
        judge.call("PING")
    return not any(connection.pending() for connection in connections)


def free(judge: Connection, name: Argument, within: float = 5.0) -> None:
    """Waits until nobody holds a lease."""
    eventually(lambda: judge.call("HOLDER", name) is None, within, "the end of the tenure")
