"""`BIND`: a tenure that also ends when its holder's connection closes."""

import contextlib
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.holding import Keeper, tie
from harness.resp import OK, Connection, Simple, encode
from harness.users import ConnectionAs, admit_everyone
from harness.waiting import free, join, unanswered
from harness.watching import Watcher


def bound(judge: Connection, name: str) -> bool:
    held = judge.holder(name)
    assert held is not None, "the tenure is over"
    assert held["bound"] in {0, 1}
    assert held["tied"] == 0
    return bool(held["bound"])


def still_held(judge: Connection, name: str, fence: int) -> bool:
    """Whether the tenure continues after everything that the daemon has seen so far."""
    for _ in range(3):
        judge.call("PING")
    held = judge.holder(name)
    return held is not None and held["fence"] == fence


# The end of the connection


def close(connection: Connection) -> None:
    connection.close()


def half_close(connection: Connection) -> None:
    connection.finish_sending()
    assert connection.at_end(), "a half closed connection is closed"


def quit_(connection: Connection) -> None:
    assert connection.call("QUIT") == OK


def bad_frame(connection: Connection) -> None:
    connection.send_raw(b"*x\r\n")
    assert connection.receive().word == "ERR"
    assert connection.at_end()


@pytest.mark.parametrize("end", [close, half_close, quit_, bad_frame])
def test_a_bound_tenure_ends_with_its_connection(
    shared: Daemon, other: Connection, name: str, end: Callable[[Connection], None]
) -> None:
    with shared.connect() as holder, Watcher(shared, name, exact=True) as watcher:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        assert bound(other, name)
        end(holder)
        free(other, name)
        acquired, lost = watcher.sofar()
        assert (acquired.kind, lost.kind) == ("acquired", "lost")
        assert acquired.fence == lost.fence == fence
        assert other.error("CHECK", name, fence) == "EXPIRED"
        assert other.error("RENEW", name, fence, "1h") == "EXPIRED"


def test_a_bound_tenure_ends_when_its_process_is_killed(shared: Daemon, other: Connection, name: str) -> None:
    holder = subprocess.Popen(
        ["socat", "-", f"UNIX-CONNECT:{shared.socket}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"ACQUIRE {name} 1h BIND\n".encode())
    holder.stdin.flush()
    assert holder.stdout.readline().startswith(b":")
    assert bound(other, name)
    holder.kill()
    holder.communicate()
    free(other, name)


def test_what_was_received_before_a_half_close_is_answered(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        holder.send_raw(encode("ACQUIRE", name, "1h", "BIND") + encode("CHECK", name, 1) + encode("PING"))
        holder.finish_sending()
        assert type(holder.receive()) is int
        assert holder.receive().word == "EXPIRED"
        assert holder.receive() == Simple("PONG")
        assert holder.at_end()
    free(other, name)


def test_a_copy_of_the_descriptor_keeps_the_binding(shared: Daemon, other: Connection, name: str) -> None:
    holder = shared.connect()
    fence = holder.call("ACQUIRE", name, "1h", "BIND")
    with Keeper(holder) as first, Keeper(holder) as second:
        holder.close()
        assert still_held(other, name, fence)
        first.end()
        assert still_held(other, name, fence)
        second.kill()
    free(other, name)


def test_an_unbound_tenure_outlives_its_connection(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h")
        assert not bound(other, name)
    assert still_held(other, name, fence)


def test_a_connection_binds_many_and_ends_them_together(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder, join_all(shared, other, holder, name, 20) as queue:
        kept = holder.call("ACQUIRE", name + "-kept", "1h")
        holder.close()
        for waiter in queue:
            assert type(waiter.receive()) is int, "and whoever waited for one has it"
        assert still_held(other, name + "-kept", kept)


@contextlib.contextmanager
def join_all(
    daemon: Daemon, judge: Connection, holder: Connection, name: str, count: int
) -> Iterator[list[Connection]]:
    with contextlib.ExitStack() as opened:
        queue = []
        for i in range(count):
            holder.call("ACQUIRE", f"{name}/{i}", "1h", "BIND")
            queue.append(opened.enter_context(join(daemon, judge, f"{name}/{i}")))
        yield queue


def test_reset_leaves_the_binding(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect(3) as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        assert holder.call("RESET") == Simple("RESET")
        assert still_held(other, name, fence)
        assert bound(other, name)
    free(other, name)


# The earlier of the close and the TTL


def test_a_bound_tenure_ends_by_time_too(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder, Watcher(shared, name, exact=True) as watcher:
        sent = now()
        fence = holder.call("ACQUIRE", name, "1s", "BIND")
        free(other, name)
        assert now() - sent >= 1
        assert watcher.kinds() == ["acquired", "expired"]
        assert holder.error("RENEW", name, fence, "1s") == "EXPIRED"
        again = other.call("ACQUIRE", name, "1h")
        holder.close()
        assert still_held(other, name, again), "the binding was over with its tenure"


def test_a_release_ends_the_binding(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        assert holder.call("RELEASE", name, fence) == OK
        again = other.call("ACQUIRE", name, "1h")
    assert still_held(other, name, again)


def test_a_revocation_ends_the_binding(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        holder.call("ACQUIRE", name, "1h", "BIND")
        assert other.call("REVOKE", name) == 1
        again = other.call("ACQUIRE", name, "1h")
    assert still_held(other, name, again)


# Renewals


def test_a_renewal_leaves_the_binding_where_it_is(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        token = holder.call("ACQUIRE", name, "1h", "BIND")
        with shared.connect() as passer_by:
            passer_by.call("RENEW", name, token, "1h")
            assert bound(other, name)
        assert still_held(other, name, token)
        assert bound(other, name)
    free(other, name)


def test_a_renewal_does_not_bind_by_itself(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h")
        holder.call("RENEW", name, fence, "1h")
        assert not bound(other, name)
    assert still_held(other, name, fence)


@pytest.mark.parametrize("was_bound", [False, True])
def test_renew_bind_moves_the_binding_to_its_connection(
    shared: Daemon, other: Connection, name: str, was_bound: bool
) -> None:
    with shared.connect() as first, shared.connect() as second:
        fence = first.call("ACQUIRE", name, "1h", *(["BIND"] if was_bound else []))
        assert second.call("RENEW", name, fence, "1h", "BIND") > fence
        assert bound(other, name)
        first.close()
        assert still_held(other, name, fence)
        second.close()
        free(other, name)


def test_renew_unbind_leaves_the_tenure_to_time(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        token = other.call("RENEW", name, fence, "2s", "UNBIND")
        assert not bound(other, name)
    assert still_held(other, name, fence)
    assert other.call("CHECK", name, token) > 0
    free(other, name)


def test_unbind_of_what_is_not_bound_is_a_renewal(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    assert client.call("RENEW", name, fence, "1h", "UNBIND") > fence
    assert not bound(client, name)


@pytest.mark.parametrize("words", [["BIND", "UNBIND"], ["UNBIND", "BIND"], ["BOUND"], ["BIND", "now"]])
def test_what_cannot_be_meant_is_refused(client: Connection, name: str, words: list[str]) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    assert client.error("RENEW", name, fence, "1h", *words) == "ERR"
    assert client.call("CHECK", name, fence) > 0
    assert client.error("ACQUIRE", name + "-b", "1h", "UNBIND") == "ERR", "nothing to unbind"


def test_a_failed_renewal_moves_nothing(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        with shared.connect() as late:
            assert late.error("RENEW", name, fence + 1, "1h", "BIND") == "EXPIRED"
            assert late.error("RENEW", name, fence + 1, "1h", "UNBIND") == "EXPIRED"
            assert late.error("RENEW", name, fence, "999ms", "UNBIND") == "BADTTL"
        assert still_held(other, name, fence)
        assert bound(other, name)
    free(other, name)


@pytest.mark.root
def test_only_the_same_user_and_administrators_bind(shared: Daemon, other: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as stranger, shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        assert stranger.error("RENEW", name, fence, "1h", "BIND") == "DENIED"
        assert stranger.error("RENEW", name, fence, "1h", "UNBIND") == "DENIED"
        assert bound(other, name)
        theirs = stranger.call("ACQUIRE", name + "-b", "1h", "BIND")
        assert holder.call("RENEW", name + "-b", theirs, "1h", "BIND") > theirs
        stranger.close()
        assert still_held(other, name + "-b", theirs)
        holder.close()
        free(other, name + "-b")
        free(other, name)


# The last given counts


def test_a_tie_takes_the_place_of_a_binding(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        with tie(shared, name, fence):
            held = other.holder(name)
            assert held is not None
            assert (held["bound"], held["tied"]) == (0, 1)
            holder.close()
            assert still_held(other, name, fence)
        free(other, name)


def test_a_binding_takes_the_place_of_a_tie(shared: Daemon, other: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h")
        with tie(shared, name, fence):
            token = holder.call("RENEW", name, fence, "1h", "BIND")
            assert bound(other, name)
        assert still_held(other, name, fence), "what was a tie means nothing any more"
        holder.call("RENEW", name, token, "1s")
        free(other, name)


def test_a_repeated_request_binds_to_the_repeating_connection(shared: Daemon, other: Connection, name: str) -> None:
    identifier = secrets.token_hex(16)
    with shared.connect() as first, shared.connect() as second, shared.connect() as third:
        fence = first.call("ACQUIRE", name, "1h", "BIND", "REQUEST", identifier)
        assert second.call("ACQUIRE", name, "1h", "BIND", "REQUEST", identifier) == fence
        first.close()
        assert still_held(other, name, fence)
        renewal = secrets.token_hex(16)
        token = second.call("RENEW", name, fence, "1h", "REQUEST", renewal)
        assert third.call("RENEW", name, fence, "1h", "BIND", "REQUEST", renewal) == token
        second.close()
        assert still_held(other, name, fence)
        third.close()
        free(other, name)


# Waiting and binding


def test_a_waited_grant_is_bound_from_its_first_instant(shared: Daemon, other: Connection, name: str) -> None:
    token = other.call("ACQUIRE", name, "1h")
    with join(shared, other, name, "BIND") as waiter, join(shared, other, name) as second:
        other.call("RELEASE", name, token)
        waiter.receive()
        assert bound(other, name)
        assert unanswered(other, second)
        waiter.close()
        assert type(second.receive()) is int
        assert not bound(other, name)


def test_a_waiter_that_closes_before_it_reads_its_bound_grant_leaves_nothing(daemon: Daemon, name: str) -> None:
    with daemon.connect() as judge:
        for turn in range(20):
            lease = f"{name}/{turn}"
            token = judge.call("ACQUIRE", lease, "1h")
            waiter = join(daemon, judge, lease, "BIND")
            judge.call("RELEASE", lease, token)
            waiter.close()
            free(judge, lease)


# The end of the daemon


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_ends_the_binding_and_not_the_tenure(daemon: Daemon, name: str, number: int) -> None:
    with daemon.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1h", "BIND")
        short = holder.call("ACQUIRE", name + "-short", "1s", "BIND")
        daemon.signal(number)
        daemon.wait()
        assert holder.at_end()
    pass_instant(now() + 1)
    daemon.start()
    with daemon.connect() as judge, Watcher(daemon, "*") as watcher:
        assert not bound(judge, name)
        assert judge.call("CHECK", name, fence) > 0
        assert judge.call("CHECK", name + "-short", short) > 0, "so that the holder can come back"
        free(judge, name + "-short")
        assert now() >= daemon.spawned_at + 1
        assert watcher.kinds() == ["expired"]
        with daemon.connect() as back:
            token = back.call("RENEW", name, fence, "1h", "BIND")
            assert token > fence
            assert bound(judge, name)
        free(judge, name)


def test_many_that_bind_and_die_leave_nothing(daemon: Daemon, name: str) -> None:
    with daemon.connect() as judge:
        judge.call("PING")  # so that it is among those that are counted
        before = daemon.descriptors()
        for turn in range(10):
            connections = [daemon.connect() for _ in range(50)]
            for i, connection in enumerate(connections):
                connection.send("ACQUIRE", f"{name}/{turn}/{i}", "1h", "BIND")
            for connection in connections:
                connection.receive()
                connection.close()
        eventually(lambda: judge.leases("PREFIX", name) == [], 10, "the end of all")
        eventually(lambda: daemon.descriptors() <= before, 10, "the return of all descriptors")
