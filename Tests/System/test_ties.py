"""`TIE`: a tenure that lasts as long as any process holds the descriptor, whatever the clock says."""

import contextlib
import itertools
import os
import secrets
import signal
import socket
import statistics
import threading
from collections.abc import Callable
from typing import Any

import pytest

from conftest import MakeDaemon
from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.holding import Keeper, tie
from harness.resp import OK, Connection, Simple, encode
from harness.users import ConnectionAs, admit_everyone
from harness.waiting import free, join, unanswered
from harness.watching import Watcher


def shown(judge: Connection, name: str) -> dict[str, Any]:
    """`HOLDER` of a lease that must be held, after everything that the daemon has seen so far."""
    for _ in range(2):
        judge.call("PING")
    held = judge.holder(name)
    assert held is not None, "the tenure is over"
    return held


def overdue(judge: Connection, name: str) -> None:
    """Waits until a tied tenure is past its deadline."""
    eventually(lambda: shown(judge, name)["state"] == b"overdue", 5, "overdue")


# The connection


def test_a_tie_is_answered_and_then_silent(shared: Daemon, client: Connection, name: str) -> None:
    """Bytes after TIE are dropped, in the same write and in later ones, and none is executed."""
    fence = client.call("ACQUIRE", name, "1h")
    other = client.call("ACQUIRE", name + "-other", "1h")
    with shared.connect() as connection:
        commands = encode("PING") + encode("RELEASE", name + "-other", other) + encode("REVOKE", name) + b"*x\r\n"
        connection.send_raw(encode("ECHO", "before") + encode("TIE", name, fence) + commands)
        assert connection.receive() == b"before"
        assert connection.receive() == OK
        for _ in range(5):
            connection.send_raw(commands)
            assert unanswered(client, connection)
        connection.finish_sending()
        assert unanswered(client, connection)
        assert shown(client, name)["tied"] == 1
        assert client.call("CHECK", name + "-other", other) > 0
    free(client, name)


def test_what_is_written_to_a_tie_costs_bounded_memory(daemon: Daemon, name: str) -> None:
    with daemon.connect() as judge:
        fence = judge.call("ACQUIRE", name, "1h")
        with daemon.connect(timeout=0.3) as connection:
            assert connection.call("TIE", name, fence) == OK
            before, sent = daemon.memory(), 0
            try:
                while sent < 256 << 20:
                    connection.send_raw(b"x" * (1 << 20))
                    sent += 1 << 20
            except TimeoutError:
                pass  # nobody reads it, and the socket's buffer is full
            assert judge.call("PING") == Simple("PONG")
            assert daemon.memory() - before < 64 << 20
            assert shown(judge, name)["tied"] == 1
        free(judge, name)


def test_a_tie_is_told_nothing_more(shared: Daemon, client: Connection, name: str) -> None:
    """Not even a message of an earlier subscription."""
    fence = client.call("ACQUIRE", name, "1h")
    with shared.connect(3) as connection:
        connection.call("SUBSCRIBE", name + "-news")
        assert connection.call("TIE", name, fence) == OK
        client.call("ACQUIRE", name + "-news", "1h")
        client.call("REVOKE", name, "AFTER", "1h")
        assert unanswered(client, connection)


def test_a_refused_tie_leaves_the_connection_as_it_was(client: Connection, name: str) -> None:
    assert client.error("TIE", name, 1) == "EXPIRED", "nobody holds it"
    fence = client.call("ACQUIRE", name, "1h")
    token = client.call("RENEW", name, fence, "1h")
    assert client.error("TIE", name, fence) == "EXPIRED", "it takes the newest token"
    assert client.error("TIE", name, token + 1) == "EXPIRED"
    assert client.error("TIE", name) == "ERR"
    assert client.error("TIE", name, token, "now") == "ERR"
    assert client.error("TIE", name, "0") == "ERR"
    assert client.call("PING") == Simple("PONG")
    assert client.call("CHECK", name, token) > 0


@pytest.mark.root
def test_a_tie_is_for_the_same_user_and_administrators(shared: Daemon, client: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as stranger, ConnectionAs(str(shared.socket)) as second:
        fence = client.call("ACQUIRE", name, "1h")
        assert stranger.error("TIE", name, fence + 1) == "EXPIRED", "the token comes first"
        assert stranger.error("TIE", name, fence) == "DENIED"
        assert shown(client, name)["tied"] == 0
        theirs = stranger.call("ACQUIRE", name + "-b", "1h")
        assert second.call("TIE", name + "-b", theirs) == OK
        with tie(shared, name + "-b", theirs):
            second.close()
            assert shown(client, name + "-b")["tied"] == 1, "the administrator's tie came last"
        free(client, name + "-b")


# Past the deadline


def test_a_tied_tenure_is_overdue_and_held_past_its_deadline(shared: Daemon, client: Connection, name: str) -> None:
    sent = now()
    fence = client.call("ACQUIRE", name, "1s", "OWNER", "the job")
    with (
        tie(shared, name, fence) as held_by,
        Watcher(shared, name, exact=True) as watcher,
        join(shared, client, name) as waiter,
    ):
        assert shown(client, name)["state"] == b"held"
        event = watcher.next()
        assert event.kind == "overdue"
        assert now() - sent >= 1
        assert set(event.fields) == {"event", "fence", "owner", "at_ms"}
        assert (event.fence, event.fields["owner"]) == (fence, "the job")
        held = shown(client, name)
        assert (held["state"], held["remaining_ms"], held["tied"]) == (b"overdue", 0, 1)
        assert client.call("CHECK", name, fence) == 0
        assert client.error("ACQUIRE", name, "1s") == "CONFLICT"
        assert client.leases("PREFIX", name)[0]["state"] == b"overdue"
        pass_instant(now() + 1)
        assert unanswered(client, waiter)
        assert watcher.sofar() == [], "said once"
        held_by.close()
        assert waiter.receive() > fence
        assert watcher.kinds() == ["lost", "acquired"]


def test_a_renewal_takes_an_overdue_tenure_back(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        overdue(client, name)
        token = client.call("RENEW", name, fence, "1s")
        held = shown(client, name)
        assert (held["state"], held["tied"], held["fence"]) == (b"held", 1, fence)
        assert 0 < client.call("CHECK", name, token) <= 1_000
        overdue(client, name)
        assert watcher.kinds() == ["overdue", "overdue"], "each deadline that passes is told"
        client.call("RENEW", name, token, "1h")
        assert shown(client, name)["state"] == b"held"
    free(client, name)


def test_an_overdue_tenure_can_be_released(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        overdue(client, name)
        assert client.call("RELEASE", name, fence) == OK
        assert client.call("HOLDER", name) is None
        assert watcher.kinds()[-1] == "released"


def test_an_overdue_token_still_guards_a_write(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    with tie(shared, name, fence):
        overdue(client, name)
        assert client.call("PUT", name + "-value", "x", "IF", name, fence) == OK, "it holds the lease"
    free(client, name)
    assert client.error("PUT", name + "-value", "y", "IF", name, fence) == "EXPIRED"


def test_a_tie_in_time_is_not_too_late_and_a_late_one_is(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    pass_instant(now() + 1)
    assert client.error("TIE", name, fence) == "EXPIRED", "untied, it has ended by time"


# The last close


@pytest.mark.parametrize("half_closed", [True, False], ids=["half closed", "open both ways"])
@pytest.mark.parametrize("ttl", ["1s", "1h"])
def test_the_tenure_ends_with_the_last_process_that_holds_the_tie(
    shared: Daemon, client: Connection, name: str, half_closed: bool, ttl: str
) -> None:
    fence = client.call("ACQUIRE", name, ttl)
    answered = now()
    connection = tie(shared, name, fence, half_closed)
    with (
        Keeper(connection) as first,
        Keeper(connection) as second,
        Keeper(connection) as third,
        join(shared, client, name) as waiter,
    ):
        connection.close()
        first.end()
        if ttl == "1s":
            pass_instant(answered + 1.2)
        assert shown(client, name)["fence"] == fence
        second.kill()
        assert shown(client, name)["fence"] == fence
        assert unanswered(client, waiter)
        third.kill()
        assert waiter.receive() > fence


def test_a_half_close_alone_is_not_the_end(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence, half_close=False) as connection:
        connection.finish_sending()
        connection.finish_sending()
        for _ in range(10):
            assert shown(client, name)["tied"] == 1
        assert not connection.pending(), "and it is not closed by the daemon"
    free(client, name)


def test_a_job_that_shuts_its_tie_down_harms_only_itself(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    second = client.call("ACQUIRE", name + "-other", "1h")
    with tie(shared, name, fence) as connection, tie(shared, name + "-other", second):
        connection.socket.shutdown(socket.SHUT_RDWR)
        for _ in range(5):
            assert shown(client, name + "-other")["tied"] == 1
        assert client.call("PING") == Simple("PONG")


def test_half_closed_and_gone_in_one_instant(daemon: Daemon, name: str) -> None:
    """The end is noticed even if the half close and the close come together, or with the TIE itself."""
    with daemon.connect() as judge:
        for turn in range(50):
            lease = f"{name}/{turn}"
            fence = judge.call("ACQUIRE", lease, "1h")
            if turn % 2:
                daemon.pause()
            connection = daemon.connect()
            connection.send("TIE", lease, fence)
            if turn % 3:
                connection.finish_sending()
            if turn % 2 == 0:
                assert connection.receive() == OK
            connection.close()
            daemon.signal(signal.SIGCONT)
            free(judge, lease)


def test_the_next_waiter_is_granted_at_once_when_the_tree_is_gone(daemon: Daemon, name: str) -> None:
    took = []
    with daemon.connect() as judge:
        for turn in range(9):
            lease = f"{name}/{turn}"
            connection = tie(daemon, lease, judge.call("ACQUIRE", lease, "1h"))
            with Keeper(connection) as keeper, join(daemon, judge, lease) as waiter:
                connection.close()
                assert unanswered(judge, waiter)
                keeper.kill()
                died = now()
                assert type(waiter.receive()) is int
                took.append(now() - died)
    assert statistics.median(took) < 0.1, took


def test_a_descriptor_under_way_in_a_message_keeps_the_tie(shared: Daemon, client: Connection, name: str) -> None:
    """No process has it open, but it still exists: it is in a socket's buffer."""
    fence = client.call("ACQUIRE", name, "1s")
    connection = tie(shared, name, fence)
    left, right = socket.socketpair()
    with left, right:
        socket.send_fds(left, [b"."], [connection.socket.fileno()])
        connection.close()
        overdue(client, name)
        _, descriptors, _, _ = socket.recv_fds(right, 1, 1)
        assert shown(client, name)["state"] == b"overdue"
        os.close(descriptors[0])
    free(client, name)


# What else ends it, and what continues


def test_a_release_ends_a_tie(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence):
        assert client.call("RELEASE", name, fence) == OK
        again = client.call("ACQUIRE", name, "1h")
        assert shown(client, name)["tied"] == 0
    assert shown(client, name)["fence"] == again, "the close of an old tie means nothing"
    assert client.error("TIE", name, fence) == "EXPIRED"


def test_a_revocation_at_once_ends_a_tie(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        assert client.call("REVOKE", name, "AFTER", "0s") == 1
        again = client.call("ACQUIRE", name, "1h")
        assert again > fence
        assert watcher.kinds() == ["revoked", "acquired"]
    assert shown(client, name)["fence"] == again


def test_the_removal_of_the_key_ends_a_tie(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence):
        assert client.call("KEYS", "REMOVE", name) == 1
        assert client.call("HOLDER", name) is None


def test_renewals_go_on_and_leave_the_tie(shared: Daemon, client: Connection, name: str) -> None:
    token = fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence):
        for _ in range(5):
            token = client.call("RENEW", name, token, "1h")
            held = shown(client, name)
            assert (held["tied"], held["token"]) == (1, token)
    free(client, name)


@pytest.mark.parametrize("past", [False, True], ids=["in time", "overdue"])
def test_unbind_ends_a_tie_and_leaves_the_tenure_to_time(
    shared: Daemon, client: Connection, name: str, past: bool
) -> None:
    fence = client.call("ACQUIRE", name, "1s" if past else "1h")
    with tie(shared, name, fence):
        if past:
            overdue(client, name)
        token = client.call("RENEW", name, fence, "1s", "UNBIND")
        sent = now()
        assert shown(client, name)["tied"] == 0
        assert shown(client, name)["state"] == b"held"
        free(client, name)
        assert now() - sent > 0.5
        assert client.error("CHECK", name, token) == "EXPIRED"


def test_after_unbind_a_close_of_the_tie_means_nothing(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence):
        client.call("RENEW", name, fence, "1h", "UNBIND")
    for _ in range(5):
        assert shown(client, name)["fence"] == fence


def test_a_second_tie_takes_the_place_of_the_first(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    first = tie(shared, name, fence)
    second = tie(shared, name, fence)
    first.close()
    overdue(client, name)
    assert shown(client, name)["tied"] == 1
    third = tie(shared, name, fence)
    second.close()
    for _ in range(5):
        assert shown(client, name)["state"] == b"overdue", "a new tie is no renewal"
    third.close()
    free(client, name)


def test_a_tie_on_the_connection_that_is_bound(shared: Daemon, client: Connection, name: str) -> None:
    with shared.connect() as holder:
        fence = holder.call("ACQUIRE", name, "1s", "BIND")
        assert holder.call("TIE", name, fence) == OK
        holder.finish_sending()
        held = shown(client, name)
        assert (held["bound"], held["tied"]) == (0, 1)
        overdue(client, name)
    free(client, name)


def test_a_tie_that_a_waiter_gets(shared: Daemon, client: Connection, name: str) -> None:
    """As `run` does: wait on one connection, tie with another, and close the first."""
    token = client.call("ACQUIRE", name, "1h")
    with join(shared, client, name, "BIND", ttl="1s") as waiter:
        client.call("RELEASE", name, token)
        fence = waiter.receive()
        connection = tie(shared, name, fence)
    overdue(client, name)
    connection.close()
    free(client, name)


def test_a_tie_ends_in_order_with_release_from_the_same_turn(daemon: Daemon, name: str) -> None:
    """The last close and a release in one turn: one end, and one grant."""
    with daemon.connect() as judge, Watcher(daemon, "*") as watcher:
        for turn in range(10):
            lease = f"{name}/{turn}"
            fence = judge.call("ACQUIRE", lease, "1h")
            connection = tie(daemon, lease, fence)
            with join(daemon, judge, lease) as waiter:
                daemon.pause()
                judge.send("RELEASE", lease, fence)
                connection.close()
                daemon.signal(signal.SIGCONT)
                assert type(waiter.receive()) is int
                answer = judge.receive()
                kinds = watcher.kinds()
                assert kinds[0] == "acquired"
                if answer == OK:
                    assert kinds[1:] == ["released", "acquired"]
                else:
                    assert answer.word == "EXPIRED"
                    assert kinds[1:] == ["lost", "acquired"]


# The end of the daemon


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.stop], ids=["killed", "stopped"])
def test_after_a_restart_a_holder_ties_again(daemon: Daemon, name: str, end: Callable[[Daemon], None]) -> None:
    with daemon.connect() as client:
        fences = {which: client.call("ACQUIRE", f"{name}/{which}", "1s") for which in ("kept", "left")}
        ties = [tie(daemon, f"{name}/{which}", fence) for which, fence in fences.items()]
        for which in fences:
            overdue(client, f"{name}/{which}")
    end(daemon)
    for connection in ties:
        assert connection.at_end()
        connection.close()
    daemon.start()
    with daemon.connect() as client, Watcher(daemon, "*") as watcher:
        for which, fence in fences.items():
            held = shown(client, f"{name}/{which}")
            assert (held["tied"], held["state"], held["fence"]) == (0, b"held", fence)
        with tie(daemon, f"{name}/kept", fences["kept"]):
            free(client, f"{name}/left")
            assert now() >= daemon.spawned_at + 1
            overdue(client, f"{name}/kept")
            assert sorted(watcher.kinds()) == ["expired", "overdue"]
            assert client.call("RENEW", f"{name}/kept", fences["kept"], "1h") > fences["kept"]
        free(client, f"{name}/kept")


def test_a_stopped_daemon_gives_no_tied_lease_away(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        fence = client.call("ACQUIRE", name, "1s")
        with tie(daemon, name, fence) as connection, join(daemon, client, name) as waiter:
            daemon.pause()
            pass_instant(now() + 1.5)
            client.send("RENEW", name, fence, "1h")
            daemon.signal(signal.SIGCONT)
            assert client.receive() > fence, "past its deadline it is still held"
            assert unanswered(client, waiter)
            connection.close()
            assert type(waiter.receive()) is int


# Many, and limits


def test_many_ties_that_end_together(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        client.call("PING")  # so that it is among those that are counted
        before = daemon.descriptors()
        ties = [tie(daemon, f"{name}/{i}", client.call("ACQUIRE", f"{name}/{i}", "1h")) for i in range(100)]
        assert {entry["tied"] for entry in client.leases("PREFIX", name)} == {1}
        for connection in ties:
            connection.close()
        eventually(lambda: client.leases("PREFIX", name) == [], 10, "the end of all")
        eventually(lambda: daemon.descriptors() <= before, 10, "the return of all descriptors")


def test_ties_that_were_replaced_keep_no_descriptor(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        fence = client.call("ACQUIRE", name, "1h")
        before = daemon.descriptors()
        last = tie(daemon, name, fence)
        for _ in range(100):
            previous, last = last, tie(daemon, name, fence)
            previous.close()
        eventually(lambda: daemon.descriptors() <= before + 1, 10, "the return of all descriptors but one")
        last.close()
        free(client, name)


def limited(make_daemon: MakeDaemon, **limits: int) -> Daemon:
    names = {f"LEASED_LIMITS_{limit.upper()}": str(value) for limit, value in limits.items()}
    return make_daemon(environment=names).start()


def tied_until_busy(daemon: Daemon, holder: Connection, connections: list[Connection], name: str) -> list[Connection]:
    """Ties one lease of `holder` after the other, each on one of these connections, until one is refused."""
    made: list[Connection] = []
    for number, connection in enumerate(connections):
        fence = holder.call("ACQUIRE", f"{name}/{number}", "1h")
        connection.send("TIE", f"{name}/{number}", fence)
        answer = connection.receive()
        if answer != OK:
            assert answer.word == "BUSY"
            assert connection.call("PING") == Simple("PONG"), "refused, and nothing was done"
            assert shown(holder, f"{name}/{number}")["tied"] == 0
            return made
        made.append(connection)
    return made


@pytest.mark.root
def test_the_ties_of_a_user_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = limited(make_daemon, ties_per_user=3)
    admit_everyone(daemon.socket)
    with contextlib.ExitStack() as opened:
        theirs = [opened.enter_context(ConnectionAs(str(daemon.socket))) for _ in range(6)]
        judge = opened.enter_context(daemon.connect())
        made = tied_until_busy(daemon, theirs[0], theirs[1:], name)
        assert len(made) == 3
        token = shown(judge, f"{name}/3")["token"]
        opened.enter_context(tie(daemon, f"{name}/3", token))
        made[0].close()
        free(judge, f"{name}/0")
        again = theirs[0].call("ACQUIRE", f"{name}/again", "1h")
        assert theirs[5].call("TIE", f"{name}/again", again) == OK, "a place for that user again"


def test_ties_in_all_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = limited(make_daemon, ties=4, reserved_for_administrators=0)
    with contextlib.ExitStack() as opened:
        judge = opened.enter_context(daemon.connect())
        connections = [opened.enter_context(daemon.connect()) for _ in range(6)]
        made = tied_until_busy(daemon, judge, connections, name)
        assert len(made) == 4
        made[0].close()
        free(judge, f"{name}/0")
        tie(daemon, f"{name}/4", shown(judge, f"{name}/4")["token"]).close()
        free(judge, f"{name}/4")


def test_ties_that_wait_to_be_stored_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    """Each has a descriptor of the daemon, and its connection may be gone while the manager does not read."""
    daemon = limited(make_daemon, ties=4, reserved_for_administrators=0)
    assert daemon.notify is not None
    daemon.notify.pause()

    def tie_once(number: int) -> object:
        fence = judge.call("ACQUIRE", f"{name}/{number}", "1h")
        with daemon.connect() as connection:
            connection.send("TIE", f"{name}/{number}", fence)
            return None if unanswered(judge, connection) else connection.receive()

    with daemon.connect() as judge:
        tries = iter(range(1000))
        refused = eventually(lambda: getattr(tie_once(next(tries)), "word", None), 30, "a refusal")
        assert refused == "BUSY"
        daemon.notify.resume()
        eventually(lambda: getattr(tie_once(next(tries)), "word", None) is None, 30, "room for ties")


def test_a_tie_without_a_descriptor_for_the_store_holds_and_is_logged(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon(prefix=["prlimit", "--nofile=64:64"]).start()
    with daemon.connect() as holder, contextlib.ExitStack() as opened:
        fence = holder.call("ACQUIRE", name, "1h")
        connection = opened.enter_context(daemon.connect())
        assert connection.call("PING") == Simple("PONG")
        for _ in range(64):
            opened.enter_context(daemon.connect())
        eventually(lambda: "connections cannot be accepted" in daemon.log(), 10, "the last descriptor")
        assert connection.call("TIE", name, fence) == OK
        assert shown(holder, name)["tied"] == 1
    assert f"a tie cannot be handed to the descriptor store: no descriptor is left fence={fence}" in daemon.log()


def test_ties_and_closes_under_load(daemon: Daemon, name: str) -> None:
    """Each of several clients takes one lease in turn, ties it past its TTL or not, and dies: never two at once."""
    held: list[tuple[int, float, float]] = []
    failures: list[BaseException] = []
    end = now() + 3

    def work(number: int) -> None:
        try:
            turn = 0
            while now() < end:
                turn += 1
                client = daemon.connect(timeout=30)
                fence = client.call("ACQUIRE", name, "1s", "WAIT", "FOREVER", "REQUEST", secrets.token_hex(16))
                connection = tie(daemon, name, fence)
                since = now()
                client.close()
                if (turn + number) % 8 == 0:
                    pass_instant(since + 1.1)
                held.append((fence, since, now()))
                connection.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    held.sort()
    assert len(held) > 10
    for earlier, later in itertools.pairwise(held):
        assert earlier[2] < later[1], "two at once"
