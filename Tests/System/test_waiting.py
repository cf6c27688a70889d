"""`ACQUIRE … WAIT`: a queue per lease, first come, first served, and who is never granted."""

import contextlib
import itertools
import secrets
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from conftest import MakeDaemon
from harness.clock import eventually, now, now_ns, pass_instant
from harness.daemon import Daemon
from harness.faults import readable
from harness.holding import tie
from harness.resp import OK, ClosedError, Connection, ReplyError, Simple, encode
from harness.seeds import rounds
from harness.users import ConnectionAs, admit_everyone
from harness.waiting import await_waiters, free, join, unanswered, waiters
from harness.watching import Watcher

MEBIBYTE = 1 << 20


# A grant, a time-out


def test_a_waiter_is_granted_when_the_lease_is_released(
    shared: Daemon, client: Connection, other: Connection, name: str
) -> None:
    fence = other.call("ACQUIRE", name, "1h")
    client.send("ACQUIRE", name, "30s", "WAIT", "1h", "OWNER", "the next")
    await_waiters(other, name, 1)
    assert unanswered(other, client)
    assert other.call("RELEASE", name, fence) == OK
    granted = client.receive()
    assert type(granted) is int
    assert granted > fence
    held = other.holder(name)
    assert held is not None
    assert (held["fence"], held["token"], held["owner"]) == (granted, granted, b"the next")
    assert (held["waiters"], held["renewals"], held["bound"], held["tied"]) == (0, 0, 0, 0)


def test_the_ttl_of_a_waiter_counts_from_its_grant(shared: Daemon, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1s")
    with join(shared, other, name, ttl="2s") as waiter:
        sent = now()
        granted = waiter.receive()
        assert now() - sent > 0.5, "the first tenure came to its end"
        assert 1_500 < waiter.call("CHECK", name, granted) <= 2_000


def test_a_free_lease_is_granted_at_once(client: Connection, name: str) -> None:
    for turn, wait in enumerate(["FOREVER", "forever", "0s", "1ms", "1m30s"]):
        assert type(client.call("ACQUIRE", f"{name}/{turn}", "30s", "WAIT", wait)) is int


def test_options_come_in_any_order_and_case(client: Connection, name: str) -> None:
    words = ["request", secrets.token_hex(16), "bind", "wait", "1s", "owner", "me"]
    assert type(client.call("acquire", name, "30s", *words)) is int
    held = client.holder(name)
    assert held is not None
    assert (held["bound"], held["owner"]) == (1, b"me")


def test_a_wait_ends_with_its_time(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    fence = other.call("ACQUIRE", name, "1h")
    sent = now()
    assert client.error("ACQUIRE", name, "30s", "WAIT", "300ms") == "TIMEOUT"
    assert now() - sent >= 0.3
    assert waiters(other, name) == 0
    assert client.call("PING") == Simple("PONG"), "the connection lives on"
    assert other.call("RELEASE", name, fence) == OK
    assert other.call("HOLDER", name) is None, "who gave up is not granted"
    assert unanswered(other, client)


def test_a_wait_of_nothing_is_over_at_once(client: Connection, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1h")
    assert client.error("ACQUIRE", name, "30s", "WAIT", "0s") == "TIMEOUT"
    assert waiters(other, name) == 0


def test_at_equal_instants_a_wait_ends_before_a_lease(daemon: Daemon, name: str) -> None:
    """The daemon is stopped during both instants, and finds both past: the wait's was not later than the lease's."""
    with contextlib.ExitStack() as opened:
        holder = opened.enter_context(daemon.connect())
        waiting = [opened.enter_context(daemon.connect()) for _ in range(10)]
        for turn, waiter in enumerate(waiting):
            fence = holder.call("ACQUIRE", f"{name}/{turn}", "1h")
            waiter.send("ACQUIRE", f"{name}/{turn}", "30s", "WAIT", "1s")
            await_waiters(holder, f"{name}/{turn}", 1)
            assert type(holder.call("RENEW", f"{name}/{turn}", fence, "1s")) is int
        renewed = now()
        daemon.pause()
        pass_instant(renewed + 1.1)
        daemon.signal(signal.SIGCONT)
        for waiter in waiting:
            reply = waiter.receive()
            assert isinstance(reply, ReplyError), reply
            assert reply.word == "TIMEOUT"


@pytest.mark.parametrize(
    "words",
    [["WAIT"], ["WAIT", "10"], ["WAIT", "soon"], ["WAIT", "-1s"], ["WAIT", ""], ["WAIT", "1s", "WAIT", "2s"],
     ["WAIT", "1s", "BIND", "BIND"]],
)  # fmt: skip
def test_a_wait_that_makes_no_sense_is_refused(
    client: Connection, other: Connection, name: str, words: list[str]
) -> None:
    assert client.error("ACQUIRE", name, "30s", *words) == "ERR"
    assert client.call("HOLDER", name) is None
    other.call("ACQUIRE", name, "1h")
    assert client.error("ACQUIRE", name, "30s", *words) == "ERR"
    assert client.error("ACQUIRE", name, "999ms", "WAIT", "FOREVER") == "BADTTL", "refused before it waits"
    assert waiters(other, name) == 0


def test_without_wait_a_held_lease_is_a_conflict_however_many_wait(
    shared: Daemon, client: Connection, other: Connection, name: str
) -> None:
    other.call("ACQUIRE", name, "1h", "OWNER", "the first")
    with join(shared, other, name):
        with pytest.raises(ReplyError) as refusal:
            client.call("ACQUIRE", name, "30s")
        assert refusal.value.word == "CONFLICT"
        assert "the first" in refusal.value.message


# First come, first served


def test_waiters_are_granted_in_the_order_of_their_arrival(shared: Daemon, other: Connection, name: str) -> None:
    token = other.call("ACQUIRE", name, "1h")
    with contextlib.ExitStack() as opened:
        queue = [opened.enter_context(join(shared, other, name)) for _ in range(20)]
        for number, waiter in enumerate(queue):
            assert other.call("RELEASE", name, token) == OK
            granted = waiter.receive()
            assert granted > token
            token = granted
            assert waiters(other, name) == len(queue) - number - 1
            assert unanswered(other, *queue[number + 1 :]), "one grant wakes one waiter"


def test_nobody_overtakes_the_queue(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    """A client that releases and asks again in the same write is after those that waited."""
    fence = client.call("ACQUIRE", name, "1h")
    with join(shared, other, name) as first:
        client.send_raw(
            encode("RELEASE", name, fence)
            + encode("ACQUIRE", name, "1h")
            + encode("ACQUIRE", name, "1h", "WAIT", "FOREVER")
        )
        assert client.receive() == OK
        assert client.receive().word == "CONFLICT"
        granted = first.receive()
        assert type(granted) is int
        assert unanswered(other, client)
        assert waiters(other, name) == 1
        assert first.call("RELEASE", name, granted) == OK
        assert client.receive() > granted


def test_an_import_does_not_overtake_the_queue_either(
    shared: Daemon, client: Connection, other: Connection, name: str
) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with join(shared, other, name, "OWNER", "who waited") as first:
        expiry = time.time_ns() // 1_000_000 + 3_600_000
        client.send_raw(
            encode("RELEASE", name, fence) + encode("IMPORT", "KEY", name, "LEASE", 70, expiry) + encode("PING")
        )
        assert client.receive() == OK
        refusal = client.receive()
        assert isinstance(refusal, ReplyError)
        assert refusal.word == "CONFLICT"
        assert "'who waited'" in refusal.message
        assert " ms more" in refusal.message
        assert client.receive() == Simple("PONG")
        assert type(first.receive()) is int


def test_an_import_of_what_nobody_waits_for_is_not_held_back(
    shared: Daemon, client: Connection, other: Connection, name: str
) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    expiry = time.time_ns() // 1_000_000 + 3_600_000
    with join(shared, other, name):
        assert client.call("IMPORT", "KEY", f"{name} as well", "LEASE", 70, expiry) == OK
        assert client.error("IMPORT", "KEY", name, "LEASE", 70, expiry) == "CONFLICT"
        assert client.call("CHECK", name, fence) > 0


def test_who_leaves_the_queue_loses_the_place(shared: Daemon, other: Connection, name: str) -> None:
    token = other.call("ACQUIRE", name, "1h")
    with join(shared, other, name) as first, join(shared, other, name) as second:
        first.close()
        await_waiters(other, name, 1)
        with join(shared, other, name) as third:
            other.call("RELEASE", name, token)
            token = second.receive()
            assert unanswered(other, third)
            other.call("RELEASE", name, token)
            assert third.receive() > token


def test_queues_of_different_leases_are_apart(shared: Daemon, other: Connection, name: str) -> None:
    a, b = other.call("ACQUIRE", name + "/a", "1h"), other.call("ACQUIRE", name + "/b", "1h")
    with join(shared, other, name + "/a") as for_a, join(shared, other, name + "/b") as for_b:
        other.call("RELEASE", name + "/b", b)
        assert type(for_b.receive()) is int
        assert unanswered(other, for_a)
        other.call("RELEASE", name + "/a", a)
        assert type(for_a.receive()) is int


# Each way in which a lease becomes free


def by_release(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    token = judge.call("ACQUIRE", name, "1h")
    return lambda: judge.call("RELEASE", name, token)


def by_expiry(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    judge.call("ACQUIRE", name, "1s")
    end = now() + 1
    return lambda: pass_instant(end)


def by_revocation(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    judge.call("ACQUIRE", name, "1h")
    return lambda: judge.call("REVOKE", name)


def by_revocation_after(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    judge.call("ACQUIRE", name, "1h")
    return lambda: judge.call("REVOKE", name, "AFTER", "200ms")


def by_removal_of_the_key(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    judge.call("ACQUIRE", name, "1h")
    return lambda: judge.call("KEYS", "REMOVE", name)


def by_the_end_of_a_binding(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    holder = daemon.connect()
    holder.call("ACQUIRE", name, "1h", "BIND")
    return holder.close


def by_the_end_of_a_tie(daemon: Daemon, judge: Connection, name: str) -> Callable[[], object]:
    return tie(daemon, name, judge.call("ACQUIRE", name, "1h")).close


@pytest.mark.parametrize(
    "way",
    [by_release, by_expiry, by_revocation, by_revocation_after, by_removal_of_the_key, by_the_end_of_a_binding,
     by_the_end_of_a_tie],
)  # fmt: skip
def test_a_lease_that_becomes_free_is_the_next_waiters(
    shared: Daemon,
    other: Connection,
    name: str,
    way: Callable[[Daemon, Connection, str], Callable[[], object]],
) -> None:
    end = way(shared, other, name)
    with join(shared, other, name) as first, join(shared, other, name) as second:
        assert unanswered(other, first, second)
        end()
        granted = first.receive()
        assert type(granted) is int
        held = other.holder(name)
        assert held is not None
        assert (held["fence"], held["waiters"], held["state"]) == (granted, 1, b"held")
        assert unanswered(other, second)


def test_a_lease_is_never_seen_free_between_two_tenures(daemon: Daemon, name: str) -> None:
    """Granted in the transaction in which it became free: even a SIGKILL between the two finds it held."""
    for turn in range(5):
        lease = f"{name}/{turn}"
        with daemon.connect() as judge:
            fence = judge.call("ACQUIRE", lease, "1h")
            waiter = join(daemon, judge, lease)
            judge.send("RELEASE", lease, fence)
            if turn % 2:
                assert judge.receive() == OK
            daemon.restart()
            waiter.close()
        with daemon.connect() as judge:
            held = judge.holder(lease)
            assert held is not None, "released, and not granted to who waited"
            assert held["fence"] > fence if turn % 2 else held["fence"] >= fence


# Who has left is never granted


def leave_by_close(waiter: Connection) -> None:
    waiter.close()


def leave_by_half_close(waiter: Connection) -> None:
    waiter.finish_sending()


def leave_by_reset(waiter: Connection) -> None:
    waiter.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    waiter.close()


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_half_close, leave_by_reset])
def test_a_waiter_that_closes_leaves_the_queue(
    shared: Daemon, other: Connection, name: str, leave: Callable[[Connection], None]
) -> None:
    token = other.call("ACQUIRE", name, "1h")
    with join(shared, other, name) as leaver, join(shared, other, name) as stayer:
        leave(leaver)
        await_waiters(other, name, 1)
        if leaver.socket.fileno() >= 0:
            assert not any(type(reply) is int for reply in leaver.rest()), "closed, and not granted"
        with Watcher(shared, name, exact=True) as watcher:
            other.call("RELEASE", name, token)
            assert stayer.receive() > token
            assert watcher.kinds() == ["released", "acquired"]


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_half_close])
@pytest.mark.parametrize("way", ["release", "expiry", "revocation"])
def test_a_close_is_seen_before_any_grant_of_its_turn(
    daemon: Daemon, name: str, leave: Callable[[Connection], None], way: str
) -> None:
    """The daemon is stopped while both arrive, the end of the lease first."""
    with daemon.connect() as judge, daemon.connect() as holder, Watcher(daemon, "*") as watcher:
        for turn in range(5):
            lease = f"{name}/{turn}"
            token = holder.call("ACQUIRE", lease, "1s" if way == "expiry" else "1h")
            granted_at = now()
            with join(daemon, judge, lease) as first, join(daemon, judge, lease) as second:
                watcher.sofar()
                daemon.pause()
                if way == "release":
                    holder.send("RELEASE", lease, token)
                elif way == "revocation":
                    holder.send("REVOKE", lease)
                else:
                    pass_instant(granted_at + 1)
                leave(first)
                daemon.signal(signal.SIGCONT)
                granted = second.receive()
                assert type(granted) is int
                ended, acquired = watcher.sofar()
                assert ended.fence == token
                assert (acquired.kind, acquired.fence) == ("acquired", granted), "the leaver never had it"
                if first.socket.fileno() >= 0:
                    assert not any(type(reply) is int for reply in first.rest())
                if way != "expiry":
                    assert holder.receive() in (OK, 1)


def test_a_waiter_with_much_unread_behind_it_still_leaves(daemon: Daemon, name: str) -> None:
    """The commands pipelined after a wait are not read without limit, yet the end of the connection is noticed."""
    with daemon.connect() as judge:
        judge.call("ACQUIRE", name, "1h")
        before = daemon.memory()
        waiter = join(daemon, judge, name)
        waiter.socket.settimeout(0.3)
        frame, sent = encode("ECHO", b"x" * 60_000) * 16, 0
        with contextlib.suppress(OSError):  # a full buffer
            while sent < 256 * MEBIBYTE:
                waiter.send_raw(frame)
                sent += len(frame)
        assert judge.call("PING") == Simple("PONG")
        assert daemon.memory() - before < 64 * MEBIBYTE, f"after {sent >> 20} MiB behind a wait"
        waiter.close()
        await_waiters(judge, name, 0)


def test_a_grant_that_cannot_be_written_is_lost_at_once(shared: Daemon, other: Connection, name: str) -> None:
    """The waiter no longer reads: that shows only when the reply is written."""
    token = other.call("ACQUIRE", name, "1h")
    with (
        join(shared, other, name, "OWNER", "deaf") as deaf,
        join(shared, other, name) as second,
        Watcher(shared, name, exact=True) as watcher,
    ):
        deaf.socket.shutdown(socket.SHUT_RD)
        other.call("RELEASE", name, token)
        granted = second.receive()
        assert type(granted) is int
        told = [(event.kind, event.fields["owner"]) for event in watcher.sofar()]
        assert [kind for kind, _ in told] in (["released", "acquired", "lost", "acquired"], ["released", "acquired"])
        if len(told) == 4:
            assert told[1][1] == told[2][1] == "deaf"
        held = other.holder(name)
        assert held is not None
        assert held["fence"] == granted


def test_whatever_the_moment_of_leaving_no_lease_is_left_behind(daemon: Daemon, name: str) -> None:
    """A waiter closes while it is being granted, repeatedly."""
    with daemon.connect() as judge, Watcher(daemon, f"{name}/*") as watcher:
        for turn in range(rounds("LEASED_LEAVE_ROUNDS", 200)):
            lease = f"{name}/{turn}"
            token = judge.call("ACQUIRE", lease, "1h")
            waiter = join(daemon, judge, lease, ttl="1h")
            together = threading.Barrier(2)

            def leave(waiter: Connection = waiter, together: threading.Barrier = together) -> None:
                together.wait(10)
                waiter.close()

            leaver = threading.Thread(target=leave)
            leaver.start()
            together.wait(10)
            judge.call("RELEASE", lease, token)
            leaver.join()
            # A grant that is unread in the socket's buffer counts as granted: then only time ends it.
            kinds = watcher.kinds()
            assert kinds[:2] == ["acquired", "released"]
            assert kinds[2:] in ([], ["acquired"], ["acquired", "lost"]), kinds
            if kinds[2:] != ["acquired"]:
                assert judge.call("HOLDER", lease) is None


def test_queues_do_not_outlive_the_daemon(daemon: Daemon, name: str) -> None:
    for end in (daemon.kill, daemon.stop):
        with daemon.connect() as judge:
            judge.call("REVOKE", name)
            judge.call("ACQUIRE", name, "1h")
            queue = [join(daemon, judge, name, "REQUEST", secrets.token_hex(16)) for _ in range(3)]
            end()
            for waiter in queue:
                assert waiter.rest() == [], "the connection closes, without a reply"
                waiter.close()
        daemon.start()
        with daemon.connect() as judge:
            held = judge.holder(name)
            assert held is not None
            assert held["waiters"] == 0
            assert judge.call("RELEASE", name, held["token"]) == OK
            assert judge.call("HOLDER", name) is None


# Pipelines


@pytest.mark.parametrize("outcome", ["granted", "timeout"])
def test_commands_behind_a_wait_are_held_back_and_keep_their_order(
    client: Connection, other: Connection, name: str, outcome: str
) -> None:
    token = other.call("ACQUIRE", name, "1h")
    client.send_raw(
        encode("ECHO", "before")
        + encode("ACQUIRE", name, "30s", "WAIT", "500ms" if outcome == "timeout" else "FOREVER")
        + encode("ACQUIRE", name + "-behind", "30s")
        + encode("HOLDER", name)
        + encode("ACQUIRE", name + "-second", "30s", "WAIT", "1s")
        + encode("ECHO", "behind")
    )
    assert client.receive() == b"before"
    await_waiters(other, name, 1)
    assert unanswered(other, client)
    assert other.call("HOLDER", name + "-behind") is None, "not even begun"
    if outcome == "granted":
        other.call("RELEASE", name, token)
        granted = client.receive()
        assert type(granted) is int
        assert client.receive() > granted
    else:
        assert client.receive().word == "TIMEOUT"
        assert type(client.receive()) is int
    assert client.receive() is not None
    assert type(client.receive()) is int
    assert client.receive() == b"behind"


def test_a_pipeline_of_waits_is_worked_off_one_by_one(client: Connection, other: Connection, name: str) -> None:
    tokens = [other.call("ACQUIRE", f"{name}/{i}", "1h") for i in range(5)]
    client.send_raw(b"".join(encode("ACQUIRE", f"{name}/{i}", "30s", "WAIT", "FOREVER") for i in range(5)))
    for i in reversed(range(1, 5)):
        other.call("RELEASE", f"{name}/{i}", tokens[i])
    await_waiters(other, f"{name}/0", 1)
    assert unanswered(other, client)
    other.call("RELEASE", f"{name}/0", tokens[0])
    granted = [client.receive() for _ in range(5)]
    assert granted == sorted(set(granted))


def test_others_do_not_wait_with_a_waiter(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1h")
    with join(shared, other, name):
        started = now()
        for _ in range(100):
            client.call("PING")
        assert now() - started < 5


# The same request again


def test_a_waiter_with_the_same_user_and_id_takes_the_others_place(
    shared: Daemon, other: Connection, name: str
) -> None:
    identifier = secrets.token_hex(16)
    token = other.call("ACQUIRE", name, "1h")
    with (
        join(shared, other, name, "REQUEST", identifier, "OWNER", "lost its connection") as first,
        join(shared, other, name) as second,
        shared.connect() as again,
    ):
        words = ["ACQUIRE", name, "1h", "WAIT", "FOREVER", "REQUEST", identifier, "OWNER", "came back"]
        again.send_raw(encode("PING") + encode(*words))
        assert again.receive() == Simple("PONG"), "and what came in the same write is decided"
        assert waiters(other, name) == 2, "one of the same"
        other.call("RELEASE", name, token)
        granted = again.receive()
        assert type(granted) is int, "in the place of the first, ahead of the second"
        held = other.holder(name)
        assert held is not None
        assert held["fence"] == granted
        assert unanswered(other, second)
        if first.pending():
            with contextlib.suppress(ClosedError):
                refusal = first.receive()
                assert isinstance(refusal, ReplyError), "its place is taken"
                assert refusal.word == "CONFLICT"
                assert "is held by" in refusal.message
                assert " ms more" in refusal.message
        other.call("RELEASE", name, granted)
        assert type(second.receive()) is int


@pytest.mark.root
def test_the_same_id_of_another_user_or_lease_is_another_waiter(shared: Daemon, other: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    identifier = secrets.token_hex(16)
    with ConnectionAs(str(shared.socket)) as stranger:
        token = other.call("ACQUIRE", name, "1h")
        other.call("ACQUIRE", name + "-b", "1h")
        with (
            join(shared, other, name, "REQUEST", identifier) as first,
            join(shared, other, name + "-b", "REQUEST", identifier),
        ):
            stranger.send("ACQUIRE", name, "1h", "WAIT", "FOREVER", "REQUEST", identifier)
            await_waiters(other, name, 2)
            other.call("RELEASE", name, token)
            granted = first.receive()
            assert type(granted) is int
            other.call("RELEASE", name, granted)
            assert stranger.receive() > granted


# Many


def test_a_thousand_waiters_cost_one_wake_up_a_grant(make_daemon: MakeDaemon, name: str) -> None:
    count = 1000
    daemon = make_daemon().start()
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as selector:
        judge = opened.enter_context(daemon.connect())
        token = judge.call("ACQUIRE", name, "1h")
        queue = []
        for number in range(count):
            waiter = opened.enter_context(daemon.connect())
            waiter.send("ACQUIRE", name, "1h", "WAIT", "FOREVER")
            if number % 100 == 99 or number < 10:
                await_waiters(judge, name, number + 1)
            queue.append(waiter)
            selector.register(waiter.socket, selectors.EVENT_READ, number)
        order = []
        for _ in range(250):
            judge.call("RELEASE", name, token)
            ((key, _),) = selector.select(10)
            token = queue[key.data].receive()
            order.append(key.data)
        assert selector.select(0) == []
        assert order[:10] == list(range(10))
        assert [number // 100 for number in order] == sorted(number // 100 for number in order)
        assert waiters(judge, name) == count - 250


def test_a_thousand_waiters_all_time_out(daemon: Daemon, name: str) -> None:
    count = 1000
    with contextlib.ExitStack() as opened:
        judge = opened.enter_context(daemon.connect())
        judge.call("ACQUIRE", name, "1h")
        queue = [opened.enter_context(daemon.connect()) for _ in range(count)]
        for waiter in queue:
            waiter.send("ACQUIRE", name, "1h", "WAIT", "1s")
        assert {waiter.receive().word for waiter in queue} == {"TIMEOUT"}
        assert waiters(judge, name) == 0


def test_grants_never_overlap(daemon: Daemon, name: str) -> None:
    """Each client notes when it certainly held the lease; some give it up by dying."""
    held: list[tuple[int, int, int]] = []
    failures: list[BaseException] = []
    end = now() + 2

    def work(number: int) -> None:
        try:
            turn = 0
            while now() < end:
                with daemon.connect(timeout=30) as client:
                    turn += 1
                    dies = (turn + number) % 3 == 0
                    words = ["BIND"] if dies else []
                    fence = client.call("ACQUIRE", name, "1h", "WAIT", "FOREVER", *words)
                    since = now_ns()
                    assert client.call("CHECK", name, fence) > 0
                    held.append((fence, since, now_ns()))
                    if not dies:
                        assert client.call("RELEASE", name, fence) == OK
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    held.sort()
    assert len(held) > 50
    for (_, _, over), (_, begun, _) in itertools.pairwise(held):
        assert over < begun, "two at once"
    assert len({fence for fence, _, _ in held}) == len(held)


# Limits


def limited(make_daemon: MakeDaemon, **limits: int) -> Daemon:
    names = {f"LEASED_LIMITS_{limit.upper()}": str(value) for limit, value in limits.items()}
    return make_daemon(environment=names).start()


def fill(daemon: Daemon, opened: contextlib.ExitStack, judge: Connection, names: list[str]) -> list[Connection]:
    return [opened.enter_context(join(daemon, judge, name)) for name in names]


def test_the_waiters_of_one_lease_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = limited(make_daemon, waiters_per_lease=3)
    with contextlib.ExitStack() as opened:
        judge = opened.enter_context(daemon.connect())
        token = judge.call("ACQUIRE", name, "1h")
        judge.call("ACQUIRE", name + "-b", "1h")
        queue = fill(daemon, opened, judge, [name] * 3)
        assert judge.error("ACQUIRE", name, "1h", "WAIT", "FOREVER") == "BUSY"
        assert waiters(judge, name) == 3
        fill(daemon, opened, judge, [name + "-b"])
        judge.call("RELEASE", name, token)
        assert type(queue[0].receive()) is int, "those who were let in are served"
        fill(daemon, opened, judge, [name])
        assert judge.error("ACQUIRE", name, "1h", "WAIT", "FOREVER") == "BUSY"
        assert judge.error("ACQUIRE", name, "1h") == "CONFLICT"


@pytest.mark.root
def test_the_waiters_of_one_user_are_limited(make_daemon: MakeDaemon, name: str) -> None:
    daemon = limited(make_daemon, waiters_per_user=3)
    admit_everyone(daemon.socket)
    with contextlib.ExitStack() as opened:
        strangers = [opened.enter_context(ConnectionAs(str(daemon.socket))) for _ in range(4)]
        judge = opened.enter_context(daemon.connect())
        for i in range(4):
            judge.call("ACQUIRE", f"{name}/{i}", "1h")
        for i in range(3):
            strangers[i].send("ACQUIRE", f"{name}/{i}", "1h", "WAIT", "FOREVER")
            await_waiters(judge, f"{name}/{i}", 1)
        assert strangers[3].error("ACQUIRE", f"{name}/3", "1h", "WAIT", "FOREVER") == "BUSY"
        fill(daemon, opened, judge, [f"{name}/3"])
        strangers[0].close()
        await_waiters(judge, f"{name}/0", 0)
        strangers[3].send("ACQUIRE", f"{name}/0", "1h", "WAIT", "FOREVER")
        await_waiters(judge, f"{name}/0", 1)


@pytest.mark.root
def test_waiters_in_all_are_limited_with_a_reserve(make_daemon: MakeDaemon, name: str) -> None:
    daemon = limited(make_daemon, waiters=5, reserved_for_administrators=2)
    admit_everyone(daemon.socket)
    with contextlib.ExitStack() as opened:
        strangers = [opened.enter_context(ConnectionAs(str(daemon.socket))) for _ in range(4)]
        judge = opened.enter_context(daemon.connect())
        judge.call("ACQUIRE", name, "1h")
        for number, stranger in enumerate(strangers[:3]):
            stranger.send("ACQUIRE", name, "1h", "WAIT", "FOREVER")
            await_waiters(judge, name, number + 1)
        assert strangers[3].error("ACQUIRE", name, "1h", "WAIT", "FOREVER") == "BUSY"
        fill(daemon, opened, judge, [name] * 2)
        assert judge.error("ACQUIRE", name, "1h", "WAIT", "FOREVER") == "BUSY"
        assert waiters(judge, name) == 5


def test_a_grant_over_the_limit_on_leases_waits_for_nothing_that_never_comes(
    make_daemon: MakeDaemon, name: str
) -> None:
    """A waiter takes the place of the tenure that ends, so the number of leases in force does not grow."""
    daemon = limited(make_daemon, leases=20, reserved_for_administrators=0)
    with daemon.connect() as judge:
        token = judge.call("ACQUIRE", name, "1h")
        filled = 1
        while judge_acquired(judge, f"{name}/{filled}"):
            filled += 1
        assert filled == 20
        with join(daemon, judge, name) as waiter:
            judge.call("RELEASE", name, token)
            assert type(waiter.receive()) is int


def judge_acquired(judge: Connection, name: str) -> bool:
    judge.send("ACQUIRE", name, "1h")
    reply = judge.receive()
    if isinstance(reply, ReplyError):
        assert reply.word == "BUSY"
        return False
    return True


def test_a_stopped_waiter_delays_nobody(shared: Daemon, other: Connection, name: str) -> None:
    """A granted waiter that does not read holds its lease like any other; its TTL ends it."""
    token = other.call("ACQUIRE", name, "1h")
    with join(shared, other, name, ttl="1s") as slow, join(shared, other, name) as second:
        other.call("RELEASE", name, token)
        eventually(lambda: readable(slow.socket.fileno(), 0), 5, "the grant")
        assert type(second.receive()) is int
        free_again = other.holder(name)
        assert free_again is not None
        other.call("REVOKE", name)
        free(other, name)
