"""`REVOKE`: a polite end and a forced one."""

from collections.abc import Callable

import pytest

from harness.clock import now, pass_instant
from harness.daemon import Daemon
from harness.holding import tie
from harness.resp import OK, Connection
from harness.users import ConnectionAs, admit_everyone
from harness.waiting import free, join, unanswered
from harness.watching import Watcher


def remaining(judge: Connection, name: str) -> int:
    held = judge.holder(name)
    assert held is not None
    left = held["remaining_ms"]
    assert type(left) is int
    return left


def state(judge: Connection, name: str) -> bytes:
    held = judge.holder(name)
    assert held is not None
    found = held["state"]
    assert isinstance(found, bytes)
    return found


# When


def test_a_tied_tenure_gets_thirty_seconds_by_default(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        assert client.call("REVOKE", name) == 1
        assert state(client, name) == b"revoking"
        assert 25_000 < remaining(client, name) <= 30_000
        assert 25_000 < client.call("CHECK", name, fence) <= 30_000
        (event,) = watcher.sofar()
        assert (event.kind, event.fence, event.fields["after_ms"]) == ("revoking", fence, 30_000)


@pytest.mark.parametrize("words", [[], ["BIND"]], ids=["by time", "bound"])
def test_what_is_not_tied_ends_at_once_by_default(
    shared: Daemon, client: Connection, name: str, words: list[str]
) -> None:
    fence = client.call("ACQUIRE", name, "1h", *words)
    with Watcher(shared, name, exact=True) as watcher:
        assert client.call("REVOKE", name, "REASON", "make room") == 1
        assert client.call("HOLDER", name) is None
        assert client.error("RENEW", name, fence, "1h") == "EXPIRED"
        (event,) = watcher.sofar()
        assert (event.kind, event.fence, event.fields["reason"]) == ("revoked", fence, "make room")


def test_a_revoked_tenure_ends_after_its_time(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    """By the clock alone, even while its tie is open; then a waiter gets the lease."""
    fence = client.call("ACQUIRE", name, "1h", "OWNER", "the job")
    with (
        tie(shared, name, fence),
        join(shared, other, name) as waiter,
        Watcher(shared, name, exact=True) as watcher,
    ):
        sent = now()
        assert client.call("REVOKE", name, "AFTER", "700ms", "REASON", 'a "reason" \\ ü') == 1
        revoking = watcher.next()
        assert set(revoking.fields) == {"event", "fence", "owner", "at_ms", "reason", "after_ms"}
        assert revoking.fields["after_ms"] == 700
        assert unanswered(other, waiter)
        assert client.error("RENEW", name, fence, "1h") == "REVOKED"
        granted = waiter.receive()
        assert now() - sent >= 0.7
        assert client.error("RENEW", name, fence, "1h") == "EXPIRED"
        revoked, acquired = watcher.sofar()
        assert (revoking.kind, revoked.kind, acquired.kind) == ("revoking", "revoked", "acquired")
        assert (revoking.fence, revoked.fence, acquired.fence) == (fence, fence, granted)
        assert revoking.fields["reason"] == revoked.fields["reason"] == 'a "reason" \\ ü'
        assert set(revoked.fields) == {"event", "fence", "owner", "at_ms", "reason"}
        assert revoked.fields["owner"] == "the job"


def test_an_overdue_tenure_can_be_revoked(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        assert watcher.next().kind == "overdue"
        sent = now()
        assert client.call("REVOKE", name, "AFTER", "500ms") == 1
        assert state(client, name) == b"revoking"
        assert client.error("RENEW", name, fence, "1h") == "REVOKED"
        free(client, name)
        assert now() - sent >= 0.5
        assert watcher.kinds() == ["revoking", "revoked"]


def test_a_revoking_tenure_past_its_deadline_stays_with_its_tie(shared: Daemon, client: Connection, name: str) -> None:
    """The deadline does not end it while the tie is open, but the revocation's time does."""
    fence = client.call("ACQUIRE", name, "1s")
    answered = now()
    with tie(shared, name, fence):
        sent = now()
        client.call("REVOKE", name, "AFTER", "1600ms")
        pass_instant(answered + 1.1)
        assert client.call("HOLDER", name) is not None
        assert client.error("ACQUIRE", name, "1h") == "CONFLICT"
        free(client, name)
        assert now() - sent >= 1.6


def test_the_deadline_of_an_untied_tenure_may_be_nearer(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1s")
    with Watcher(shared, name, exact=True) as watcher:
        client.call("REVOKE", name, "AFTER", "1h")
        assert 0 < remaining(client, name) <= 1_000
        assert 0 < client.call("CHECK", name, fence) <= 1_000
        free(client, name)
        assert watcher.kinds() == ["revoking", "expired"]


# The other ends


def test_a_release_ends_a_revoking_tenure(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), join(shared, other, name) as waiter, Watcher(shared, name, exact=True) as watcher:
        client.call("REVOKE", name)
        assert client.call("RELEASE", name, fence) == OK
        assert waiter.receive() > fence
        assert watcher.kinds() == ["revoking", "released", "acquired"]


def test_a_tie_that_closes_meanwhile_is_lost(shared: Daemon, client: Connection, other: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with join(shared, other, name) as waiter, Watcher(shared, name, exact=True) as watcher:
        with tie(shared, name, fence):
            client.call("REVOKE", name)
            assert unanswered(other, waiter)
        assert waiter.receive() > fence
        assert watcher.kinds() == ["revoking", "lost", "acquired"]


def test_a_binding_that_closes_meanwhile_is_lost(shared: Daemon, client: Connection, name: str) -> None:
    with shared.connect() as holder, Watcher(shared, name, exact=True) as watcher:
        holder.call("ACQUIRE", name, "1h", "BIND")
        client.call("REVOKE", name, "AFTER", "1h")
        holder.close()
        free(client, name)
        assert watcher.kinds() == ["acquired", "revoking", "lost"]


def test_the_removal_of_the_key_ends_a_revoking_tenure_at_once(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        client.call("REVOKE", name, "REASON", "first")
        assert client.call("KEYS", "REMOVE", name) == 1
        assert client.call("HOLDER", name) is None
        assert [(event.kind, event.fields["reason"]) for event in watcher.sofar()] == [
            ("revoking", "first"),
            ("revoked", "removed"),
        ]


# Again


def test_a_second_revocation_replaces_time_and_reason(shared: Daemon, client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        assert client.call("REVOKE", name, "AFTER", "500ms", "REASON", "soon") == 1
        assert client.call("REVOKE", name, "AFTER", "20m", "REASON", "later") == 1
        sent = now()
        assert 1_100_000 < remaining(client, name) <= 1_200_000
        pass_instant(sent + 0.7)
        assert state(client, name) == b"revoking", "the first time has passed and means nothing"
        assert client.call("REVOKE", name, "AFTER", "0s", "REASON", "now") == 1
        assert client.call("HOLDER", name) is None
        assert client.call("REVOKE", name) == 0
        told = [(event.kind, event.fields["reason"], event.fields.get("after_ms")) for event in watcher.sofar()]
        assert told == [
            ("revoking", "soon", 500),
            ("revoking", "later", 1_200_000),
            ("revoked", "now", None),
        ]


@pytest.mark.parametrize("after", ["20m", "0s"])
def test_a_second_revocation_without_a_reason_keeps_the_first(
    shared: Daemon, client: Connection, name: str, after: str
) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    with tie(shared, name, fence), Watcher(shared, name, exact=True) as watcher:
        assert client.call("REVOKE", name, "AFTER", "1h", "REASON", "make room") == 1
        assert client.call("REVOKE", name, "AFTER", after) == 1
        assert [event.fields["reason"] for event in watcher.sofar()] == ["make room", "make room"]


# What a revoking tenure refuses


@pytest.mark.root
def test_the_order_of_errors(shared: Daemon, client: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as stranger:
        fence = client.call("ACQUIRE", name, "1h")
        client.call("REVOKE", name, "AFTER", "1h")
        for words in ([], ["BIND"], ["UNBIND"]):
            assert stranger.error("RENEW", name, fence + 1, "1h", *words) == "EXPIRED"
            assert stranger.error("RENEW", name, fence, "1h", *words) == "REVOKED"
            assert client.error("RENEW", name, fence, "1h", *words) == "REVOKED"
        assert stranger.error("TIE", name, fence + 1) == "EXPIRED"
        assert stranger.error("TIE", name, fence) in {"REVOKED", "DENIED"}
        assert stranger.error("RELEASE", name, fence) == "DENIED"
        assert stranger.error("REVOKE", name) == "DENIED"


@pytest.mark.root
def test_a_holder_revokes_its_own_and_no_other(shared: Daemon, client: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as holder, ConnectionAs(str(shared.socket), uid=65533) as another:
        fence = holder.call("ACQUIRE", name, "1h")
        assert another.error("REVOKE", name) == "DENIED"
        assert another.error("REVOKE", name, "AFTER", "0s") == "DENIED"
        assert client.call("CHECK", name, fence) > 0
        assert holder.call("REVOKE", name, "AFTER", "1h") == 1
        assert client.call("REVOKE", name, "AFTER", "0s") == 1, "an administrator"
        assert client.call("HOLDER", name) is None


def test_the_next_tenure_is_not_revoked(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    client.call("REVOKE", name, "AFTER", "500ms")
    sent = now()
    client.call("RELEASE", name, fence)
    again = client.call("ACQUIRE", name, "1h")
    pass_instant(sent + 0.7)
    assert client.call("CHECK", name, again) > 0
    assert state(client, name) == b"held"
    assert client.call("RENEW", name, again, "1h") > again


@pytest.mark.parametrize(
    "words", [["AFTER"], ["AFTER", "5"], ["REASON"], ["AFTER", "soon"], ["NOW"], ["AFTER", "-1s"], ["REASON", "a\nb"]]
)
def test_a_revocation_that_makes_no_sense_is_refused(client: Connection, name: str, words: list[str]) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    assert client.error("REVOKE", name, *words) == "ERR"
    assert client.call("CHECK", name, fence) > 0
    assert state(client, name) == b"held"


# The daemon


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.stop], ids=["killed", "stopped"])
def test_a_revocation_runs_on_over_a_restart_without_grace(
    daemon: Daemon, name: str, end: Callable[[Daemon], None]
) -> None:
    with daemon.connect() as client:
        fences = {which: client.call("ACQUIRE", f"{name}/{which}", "1h") for which in ("past", "next", "long", "tied")}
        connection = tie(daemon, f"{name}/tied", fences["tied"])
        client.call("REVOKE", f"{name}/past", "AFTER", "200ms")
        client.call("REVOKE", f"{name}/tied", "AFTER", "3s")
        client.call("REVOKE", f"{name}/next", "AFTER", "3s", "REASON", "move on")
        revoked = now()
        client.call("REVOKE", f"{name}/long", "AFTER", "20m")
    end(daemon)
    connection.close()
    pass_instant(revoked + 0.3)
    daemon.start()
    with daemon.connect() as client, Watcher(daemon, "*") as watcher:
        assert client.call("HOLDER", f"{name}/past") is None, "its time has passed, and there is no grace"
        assert client.error("CHECK", f"{name}/past", fences["past"]) == "EXPIRED"
        for which in ("next", "long", "tied"):
            assert state(client, f"{name}/{which}") == b"revoking"
            assert client.error("RENEW", f"{name}/{which}", fences[which], "1h") == "REVOKED"
        asked = now()
        assert client.call("CHECK", f"{name}/next", fences["next"]) <= 3_000 - (asked - revoked) * 1000 + 100
        assert 1_100_000 < remaining(client, f"{name}/long") <= 1_200_000
        free(client, f"{name}/next")
        assert revoked + 2.9 <= now()
        free(client, f"{name}/tied")
        told = {event.channel.decode(): event.fields for event in watcher.sofar()}
        assert told[f"{name}/next"]["event"] == told[f"{name}/tied"]["event"] == "revoked"
        assert told[f"{name}/next"]["reason"] == "move on"
