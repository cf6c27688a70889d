"""`REQUEST` ids: a retry after a lost reply, over new connections and after the death of the daemon."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from harness.clock import now, pass_instant
from harness.daemon import Daemon
from harness.holding import tie
from harness.resp import OK, Connection, ReplyError
from harness.users import STRANGER, ConnectionAs, admit_everyone
from harness.waiting import free, join, unanswered


def fresh() -> str:
    return secrets.token_hex(16)


def new_connection(daemon: Daemon) -> None:
    """Nothing happens to the daemon."""


def killed(daemon: Daemon) -> None:
    daemon.restart()


def stopped(daemon: Daemon) -> None:
    daemon.stop()
    daemon.start()


Between = Callable[[], Connection]


@pytest.fixture(params=[new_connection, killed, stopped])
def between(request: pytest.FixtureRequest, daemon: Daemon) -> Iterator[Between]:
    """Returns a connection, and at each further call a new one, after something has happened to the daemon in between.
    """
    last: list[Connection] = []

    def again() -> Connection:
        if last:
            last.pop().close()
            request.param(daemon)
        last.append(daemon.connect())
        return last[-1]

    yield again
    last.pop().close()


# Each condition, with something between the attempt and its repetition


def test_the_same_verb_user_and_id_is_answered_alike(between: Between, name: str) -> None:
    identifier = fresh()
    token = between().call("ACQUIRE", name, "1h", "REQUEST", identifier, "OWNER", "first")
    again = between()
    before = again.holder(name)
    assert again.call("ACQUIRE", name, "2h", "REQUEST", identifier, "OWNER", "second") == token
    after = again.holder(name)
    assert before is not None
    assert after is not None
    changing = {"remaining_ms"}
    assert {k: v for k, v in before.items() if k not in changing} == {
        k: v for k, v in after.items() if k not in changing
    }
    assert (after["owner"], after["renewals"], after["ttl_ms"]) == (b"first", 0, 3_600_000)
    assert between().call("ACQUIRE", name, "1h", "REQUEST", identifier) == token, "as often as it takes"


def test_a_repeated_renewal_is_answered_alike(between: Between, name: str) -> None:
    identifier = fresh()
    client = between()
    fence = client.call("ACQUIRE", name, "1h")
    token = client.call("RENEW", name, fence, "1h", "REQUEST", identifier)
    again = between()
    assert again.call("RENEW", name, fence, "2h", "REQUEST", identifier) == token, "the token that was replaced"
    assert again.call("RENEW", name, token, "2h", "REQUEST", identifier) == token, "or the newest"
    held = again.holder(name)
    assert held is not None
    assert (held["token"], held["renewals"], held["ttl_ms"]) == (token, 1, 3_600_000)
    assert again.error("RENEW", name, token + 1, "1h", "REQUEST", identifier) == "EXPIRED"
    assert between().call("RENEW", name, fence, "1h", "REQUEST", identifier) == token


def test_a_repeated_renewal_names_no_older_token(between: Between, name: str) -> None:
    identifier = fresh()
    client = between()
    fence = client.call("ACQUIRE", name, "1h")
    middle = client.call("RENEW", name, fence, "1h")
    newest = client.call("RENEW", name, middle, "1h", "REQUEST", identifier)
    again = between()
    assert again.error("RENEW", name, fence, "1h", "REQUEST", identifier) == "EXPIRED"
    assert again.call("RENEW", name, middle, "1h", "REQUEST", identifier) == newest


def test_revoked_comes_before_a_repeated_renewal(between: Between, name: str) -> None:
    identifier = fresh()
    client = between()
    fence = client.call("ACQUIRE", name, "1h")
    client.call("RENEW", name, fence, "1h", "REQUEST", identifier)
    client.call("REVOKE", name, "AFTER", "1h")
    again = between()
    assert again.error("RENEW", name, fence, "1h", "REQUEST", identifier) == "REVOKED"
    assert again.error("RENEW", name, fence - 1, "1h", "REQUEST", identifier) == "EXPIRED"


def test_a_revoking_grant_is_still_answered_again(between: Between, name: str) -> None:
    """The tenure lasts: ACQUIRE with its id returns the token, so that it can be released."""
    identifier = fresh()
    client = between()
    token = client.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    client.call("REVOKE", name, "AFTER", "1h")
    again = between()
    assert again.call("ACQUIRE", name, "1h", "REQUEST", identifier) == token
    assert again.call("RELEASE", name, token) == OK


def test_only_the_latest_id_counts(between: Between, name: str) -> None:
    first, second = fresh(), fresh()
    client = between()
    fence = client.call("ACQUIRE", name, "1h", "REQUEST", first)
    token = client.call("RENEW", name, fence, "1h", "REQUEST", second)
    again = between()
    assert again.error("ACQUIRE", name, "1h", "REQUEST", first) == "CONFLICT"
    assert again.call("RENEW", name, fence, "1h", "REQUEST", second) == token
    newest = again.call("RENEW", name, token, "1h")
    assert between().error("RENEW", name, token, "1h", "REQUEST", second) == "EXPIRED", "a renewal without an id, too"
    assert between().call("CHECK", name, newest) > 0


def test_an_id_is_for_its_verb(between: Between, name: str) -> None:
    identifier = fresh()
    fence = between().call("ACQUIRE", name, "1h", "REQUEST", identifier)
    again = between()
    token = again.call("RENEW", name, fence, "1h", "REQUEST", identifier)
    assert token > fence
    assert between().error("ACQUIRE", name, "1h", "REQUEST", identifier) == "CONFLICT"


def test_an_id_is_for_its_lease(between: Between, name: str) -> None:
    identifier = fresh()
    first = between().call("ACQUIRE", name, "1h", "REQUEST", identifier)
    again = between()
    assert again.call("ACQUIRE", name + "-b", "1h", "REQUEST", identifier) > first
    assert again.call("ACQUIRE", name, "1h", "REQUEST", identifier) == first


@pytest.mark.parametrize("end", ["release", "revocation", "expiry", "binding", "removal"])
def test_an_id_is_forgotten_with_its_tenure(between: Between, name: str, end: str) -> None:
    identifier = fresh()
    client = between()
    words = ["BIND"] if end == "binding" else []
    first = client.call("ACQUIRE", name, "1s" if end == "expiry" else "1h", "REQUEST", identifier, *words)
    if end == "release":
        assert client.call("RELEASE", name, first) == OK
    elif end == "revocation":
        client.call("REVOKE", name)
    elif end == "removal":
        client.call("KEYS", "REMOVE", name)
    elif end == "expiry":
        free(client, name)
    again = between()
    if end == "binding":
        # The connection has closed; if the daemon died with it, the tenure continues by time.
        for _ in range(3):
            again.call("PING")
        again.call("REVOKE", name)
    second = again.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    assert second > first
    assert again.error("RELEASE", name, first) == "EXPIRED", "a retry of the release takes that as done"


@pytest.mark.root
def test_an_id_is_for_its_user(between: Between, daemon: Daemon, name: str) -> None:
    identifier = fresh()
    between().call("ACQUIRE", name, "1h", "REQUEST", identifier)
    again = between()
    admit_everyone(daemon.socket)
    with ConnectionAs(str(daemon.socket)) as stranger:
        assert stranger.error("ACQUIRE", name, "1h", "REQUEST", identifier) == "CONFLICT"
        theirs = stranger.call("ACQUIRE", name + "-b", "1h", "REQUEST", identifier)
    again = between()
    admit_everyone(daemon.socket)
    assert again.error("ACQUIRE", name + "-b", "1h", "REQUEST", identifier) == "CONFLICT", "an administrator neither"
    held = again.holder(name + "-b")
    assert held is not None
    assert (held["uid"], held["fence"]) == (STRANGER, theirs)


def test_a_repetition_prolongs_nothing(between: Between, name: str) -> None:
    identifier = fresh()
    client = between()
    sent = now()
    token = client.call("ACQUIRE", name, "20s", "REQUEST", identifier)
    answered = now()
    pass_instant(answered + 0.3)
    again = between()
    assert again.call("ACQUIRE", name, "20s", "REQUEST", identifier) == token
    asked = now()
    left = again.call("CHECK", name, token)
    assert left <= 20_000 - (asked - answered) * 1000 + 50, "older than its reply looks: CHECK tells"
    assert left >= 20_000 - (now() - sent) * 1000 - 50


@pytest.mark.parametrize("verb", ["ACQUIRE", "RENEW"])
def test_a_repetition_may_bind(between: Between, daemon: Daemon, name: str, verb: str) -> None:
    identifier = fresh()
    client = between()
    fence = client.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    words = ["ACQUIRE", name, "1h", "REQUEST", identifier]
    token = fence
    if verb == "RENEW":
        words = ["RENEW", name, str(fence), "1h", "REQUEST", identifier]
        token = client.call(*words)
    again = between()
    assert again.call(*words, "BIND") == token
    held = again.holder(name)
    assert held is not None
    assert (held["bound"], held["fence"]) == (1, fence)
    again.close()
    with daemon.connect() as judge:
        free(judge, name)


def test_a_repetition_leaves_tie_and_revocation_alone(shared: Daemon, other: Connection, name: str) -> None:
    identifier = fresh()
    token = other.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    with tie(shared, name, token):
        assert other.call("ACQUIRE", name, "1h", "REQUEST", identifier) == token
        held = other.holder(name)
        assert held is not None
        assert held["tied"] == 1
        other.call("REVOKE", name, "AFTER", "1h")
        other.call("ACQUIRE", name, "1h", "REQUEST", identifier)
        held = other.holder(name)
        assert held is not None
        assert held["state"] == b"revoking"
    free(other, name)


# Waiting


def test_a_waited_grant_whose_reply_was_lost_is_answered_again(between: Between, daemon: Daemon, name: str) -> None:
    identifier = fresh()
    client = between()
    first = client.call("ACQUIRE", name, "1h")
    waiter = join(daemon, client, name, "REQUEST", identifier)
    client.call("RELEASE", name, first)
    granted = waiter.receive()
    waiter.close()
    again = between()
    assert again.call("ACQUIRE", name, "1h", "WAIT", "FOREVER", "REQUEST", identifier) == granted
    assert again.call("ACQUIRE", name, "1h", "REQUEST", identifier) == granted, "with or without WAIT"


def test_an_id_is_looked_up_only_on_arrival(shared: Daemon, other: Connection, name: str) -> None:
    """A client that already waits is not answered just because its id has become the tenure's."""
    identifier = fresh()
    fence = other.call("ACQUIRE", name, "1h")
    with join(shared, other, name, "REQUEST", identifier) as waiter:
        token = other.call("RENEW", name, fence, "1h", "REQUEST", identifier)
        assert unanswered(other, waiter)
        other.call("RELEASE", name, token)
        granted = waiter.receive()
        assert granted > token
        assert other.call("ACQUIRE", name, "1h", "REQUEST", identifier) == granted


def test_the_holder_that_repeats_is_answered_before_those_who_wait(
    shared: Daemon, other: Connection, name: str
) -> None:
    identifier = fresh()
    token = other.call("ACQUIRE", name, "1h", "REQUEST", identifier)
    with join(shared, other, name) as waiter:
        assert other.call("ACQUIRE", name, "1h", "WAIT", "FOREVER", "REQUEST", identifier) == token
        assert unanswered(other, waiter)


# Replies that are lost for real


def test_a_renewal_whose_reply_is_lost_is_done_once(daemon: Daemon, name: str) -> None:
    """The daemon is killed with the renewal under way, at any moment."""
    done = 0
    for turn in range(12):
        lease, identifier = f"{name}/{turn}", fresh()
        with daemon.connect() as client:
            fence = client.call("ACQUIRE", lease, "1h")
            client.send("RENEW", lease, fence, "1h", "REQUEST", identifier)
            if turn % 3:
                client.pending(0.001 * turn)
            daemon.restart()
        with daemon.connect() as client:
            held = client.holder(lease)
            assert held is not None
            done += held["renewals"]
            token = client.call("RENEW", lease, fence, "1h", "REQUEST", identifier)
            assert token > fence
            if held["renewals"]:
                assert token == held["token"]
            assert client.call("RENEW", lease, fence, "1h", "REQUEST", identifier) == token
            held = client.holder(lease)
            assert held is not None
            assert (held["renewals"], held["token"]) == (1, token)
    assert done > 0, "no renewal had been done before its daemon died"


def test_a_waiter_retries_over_the_death_of_the_daemon(daemon: Daemon, name: str) -> None:
    """Whether or not it had been granted, the same request gets one tenure."""
    for turn in range(8):
        lease, identifier = f"{name}/{turn}", fresh()
        with daemon.connect() as client:
            first = client.call("ACQUIRE", lease, "1h")
            waiter = join(daemon, client, lease, "REQUEST", identifier)
            client.send("RELEASE", lease, first)
            if turn % 2:
                assert client.receive() == OK
            daemon.restart()
            waiter.close()
        with daemon.connect() as client:
            client.send("RELEASE", lease, first)  # a retry: OK, or EXPIRED for done
            answer = client.receive()
            assert answer == OK or (isinstance(answer, ReplyError) and answer.word == "EXPIRED")
            granted = client.call("ACQUIRE", lease, "1h", "WAIT", "1s", "REQUEST", identifier)
            assert granted > first
            held = client.holder(lease)
            assert held is not None
            assert held["fence"] == granted


# Their form


@pytest.mark.parametrize(
    ("identifier", "word"),
    [(b"", "ERR"), (b"x" * 15, "ERR"), (b"x" * 16, None), (b"x" * 128, None), (b"x" * 129, "TOOBIG"),
     (bytes(range(128, 144)), None), (b"\0\r\n" * 10, None)],
)  # fmt: skip
def test_the_length_of_an_id(client: Connection, name: str, identifier: bytes, word: str | None) -> None:
    if word is None:
        token = client.call("ACQUIRE", name, "1h", "REQUEST", identifier)
        assert client.call("ACQUIRE", name, "1h", "REQUEST", identifier) == token
        assert client.error("ACQUIRE", name, "1h", "REQUEST", b"y" + identifier[1:]) == "CONFLICT"
        renewed = client.call("RENEW", name, token, "1h", "REQUEST", identifier)
        assert client.call("RENEW", name, token, "1h", "REQUEST", identifier) == renewed
    else:
        assert client.error("ACQUIRE", name, "1h", "REQUEST", identifier) == word
        assert client.call("HOLDER", name) is None
        token = client.call("ACQUIRE", name, "1h")
        assert client.error("RENEW", name, token, "1h", "REQUEST", identifier) == word
