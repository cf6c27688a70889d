#!/usr/bin/env python3
"""A service that runs as several processes, of which one works: the holder of the lease leads, and when it ends another
takes over.

leader.py LEASE [TTL]

It needs only redis-py. `work` is the part to replace; the rest stays as it is.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET = os.environ.get("LEASED_SOCKET") or "/run/leased/leased.sock"
OWNER = f"leader.py {os.getpid()}"
PAUSE = 0.5
"""Before something that failed is tried again, in seconds."""

log = logging.getLogger("leader")
Unreachable = (redis.ConnectionError, redis.TimeoutError)


def connect(timeout: float | None = 5.0) -> redis.Redis:
    """A client that sends each command once: this program decides what is repeated, and with which request id."""
    return redis.Redis(unix_socket_path=SOCKET, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


def word(refusal: redis.ResponseError) -> str:
    """The stable part of an error reply, such as EXPIRED."""
    return str(refusal).partition(" ")[0]


def now() -> float:
    """The clock of leases, which counts suspended time and cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Term:
    """One tenure of the lease, from its grant on. A separate thread renews it, whatever the work is doing."""

    def __init__(self, lease: str, ttl: str, fence: int, deadline: float) -> None:
        self.lease, self.ttl, self.fence = lease, ttl, fence
        # Set when the lease is lost or this process must stop: the work ends.
        self.over = threading.Event()
        self._token, self._deadline = fence, deadline

    def holds(self) -> bool:
        """Whether it is certain that nobody else has been granted the lease. It also checks the clock, since this
        process may have been stopped.
        """
        return not self.over.is_set() and now() < self._deadline

    def keep(self) -> None:
        """Renews after each third of the remaining time, so that an attempt may fail, and reports the loss of the
        lease.
        """
        client, request = connect(), uuid.uuid4().hex
        while not self.over.wait(max((self._deadline - now()) / 3, PAUSE)):
            try:
                # If the reply is lost, the same request gets the same token again.
                renewal = ("RENEW", self.lease, self._token, self.ttl, "REQUEST", request)
                self._token = client.execute_command(*renewal)
                self._deadline = deadline(client, self.lease, self._token)
                request = uuid.uuid4().hex
            except redis.ResponseError as refusal:
                log.warning("not renewed: %s", refusal)
                if word(refusal) in {"EXPIRED", "REVOKED"}:
                    self.over.set()
            except Unreachable as error:
                log.warning("not renewed: %s", error)
            if not self.holds():
                self.over.set()

    def release(self) -> None:
        """Releases the lease, so that the next candidate need not wait. If that fails, the lease ends by time."""
        client = connect()
        for _ in range(3):
            try:
                client.execute_command("RELEASE", self.lease, self._token)
            except Unreachable:
                time.sleep(PAUSE)
                continue
            except redis.ResponseError as refusal:
                # EXPIRED: it has already ended, or the first of two attempts released it and its reply was lost.
                log.info("not released: %s", refusal)
            return


def deadline(client: redis.Redis, lease: str, token: int) -> float:
    """The end of a tenure. A grant after a wait, or a repeated reply, may be older than it looks; so the time counts
    from before this question was sent, and the result is never too late.
    """
    asked = now()
    left: int = client.execute_command("CHECK", lease, token)
    return asked + left / 1000


def campaign(client: redis.Redis, lease: str, ttl: str) -> Term:
    """Waits in the lease's queue until it is granted, even if the daemon restarts meanwhile.

    With BIND the lease also ends with this connection: if this process dies, the next one leads at once. After a
    restart of the daemon the binding is gone, and the lease ends by time.
    """
    request = uuid.uuid4().hex
    while True:
        try:
            wait = ("WAIT", "FOREVER", "OWNER", OWNER, "REQUEST", request, "BIND")
            fence = client.execute_command("ACQUIRE", lease, ttl, *wait)
            return Term(lease, ttl, fence, deadline(client, lease, fence))
        except redis.ResponseError as refusal:
            if word(refusal) not in {"EXPIRED", "BUSY", "IOERR", "UNAVAILABLE"}:
                raise
            log.warning("not granted: %s", refusal)
            request = uuid.uuid4().hex
        except Unreachable as error:
            # The same request takes its place in the queue again, or is answered with what it was granted.
            log.warning("not granted: %s", error)
        time.sleep(PAUSE)


@contextlib.contextmanager
def leadership(lease: str, ttl: str) -> Iterator[Term]:
    """Waits until this process leads. At the end of the block it no longer leads."""
    bound = connect(timeout=None)
    try:
        term = campaign(bound, lease, ttl)
        keeper = threading.Thread(target=term.keep, daemon=True)
        keeper.start()
        try:
            yield term
        finally:
            term.over.set()
            keeper.join()
            term.release()
    finally:
        bound.connection_pool.disconnect()


def work(term: Term) -> None:
    """The leader's work, round by round, until its term is over: here it writes down who leads.

    A round that began in time may end too late, for example if the process was stopped. So the store that it writes to
    compares the fence, as the daemon's store does with IF. See examples/fenced-writer for files and tables.
    """
    client = connect()
    rounds = 0
    while term.holds():
        rounds += 1
        try:
            told = f"{OWNER}, round {rounds}"
            client.execute_command("PUT", f"{term.lease}/leader", told, "IF", term.lease, term.fence)
        except redis.ResponseError as refusal:
            log.warning("not written: %s", refusal)
            if word(refusal) == "EXPIRED":
                return
        except Unreachable as error:
            log.warning("not written: %s", error)
        term.over.wait(1)


def main(lease: str, ttl: str = "15s") -> None:
    stopping = threading.Event()
    while True:
        # A waiting process has nothing to clean up: when its connection ends it leaves the queue, and a grant that is
        # under way ends.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        if stopping.is_set():
            return
        log.info("waiting to lead")
        with leadership(lease, ttl) as term:

            def stop(*_: object, over: threading.Event = term.over) -> None:
                stopping.set()
                over.set()

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
            log.info("leading under fence %d", term.fence)
            work(term)
            log.info("leading no more")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit("usage: leader.py LEASE [TTL]")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*sys.argv[1:])
