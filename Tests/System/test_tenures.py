"""Fence and token, compare-and-swap, replays, expiry, revocation, and which error comes first."""

import secrets

import pytest

from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.resp import OK, Connection
from harness.users import STRANGER, ConnectionAs, admit_everyone


def request() -> str:
    return secrets.token_hex(16)


# Fence and token


def test_check_accepts_the_fence_and_the_newest_token_and_nothing_else(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "30s")
    middle = client.call("RENEW", name, fence, "30s")
    newest = client.call("RENEW", name, middle, "30s")
    assert client.call("CHECK", name, fence) > 0
    assert client.call("CHECK", name, newest) > 0
    assert client.error("CHECK", name, middle) == "EXPIRED"
    assert client.error("CHECK", name, newest + 1) == "EXPIRED"
    assert client.error("CHECK", name, fence - 1) == "EXPIRED"


def test_renew_and_release_take_only_the_newest_token(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "30s")
    newest = client.call("RENEW", name, fence, "30s")
    assert client.error("RENEW", name, fence, "30s") == "EXPIRED"
    assert client.error("RELEASE", name, fence) == "EXPIRED"
    assert client.call("RELEASE", name, newest) == OK


def test_of_two_who_renew_with_the_same_token_one_wins(client: Connection, other: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "30s")
    for connection in (client, other):
        connection.send("RENEW", name, token, "30s")
    replies = [client.receive(), other.receive()]
    assert sorted(type(reply) is int for reply in replies) == [False, True]
    assert next(r for r in replies if type(r) is not int).word == "EXPIRED"


def test_a_renewal_may_shorten(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    renewed = client.call("RENEW", name, token, "2s")
    assert client.call("CHECK", name, renewed) <= 2_000


def test_tokens_of_one_lease_do_not_work_on_another(client: Connection, name: str) -> None:
    first = client.call("ACQUIRE", name, "30s")
    client.call("ACQUIRE", name + "-b", "30s")
    for command in (["CHECK"], ["RELEASE"]):
        assert client.error(*command, name + "-b", first) == "EXPIRED"
    assert client.error("RENEW", name + "-b", first, "30s") == "EXPIRED"
    assert client.error("CHECK", name + "-c", first) == "EXPIRED", "a lease that never was"


# Expiry


def test_an_expired_token_never_works_again(client: Connection, name: str) -> None:
    sent = now()
    token = client.call("ACQUIRE", name, "1s")
    answered = now()
    eventually(lambda: client.call("HOLDER", name) is None, 5, "the end of the lease")
    ended = now()
    assert ended >= sent + 1, "not early"
    assert ended <= answered + 1.5, "not late"
    assert client.error("CHECK", name, token) == "EXPIRED"
    assert client.error("RENEW", name, token, "30s") == "EXPIRED"
    assert client.error("RELEASE", name, token) == "EXPIRED"
    again = client.call("ACQUIRE", name, "30s")
    assert again > token
    assert client.error("RENEW", name, token, "30s") == "EXPIRED"
    assert client.error("RELEASE", name, token) == "EXPIRED"
    assert client.call("CHECK", name, again) > 0


def test_an_expired_lease_can_be_acquired_at_once(client: Connection, name: str) -> None:
    first = client.call("ACQUIRE", name, "1s")
    answered = now()
    pass_instant(answered + 1)
    assert client.call("ACQUIRE", name, "30s") > first, "decided when the command is, not when a sweeper runs"


def test_an_expired_lease_leaves_the_list(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "1s")
    answered = now()
    assert len(client.leases("PREFIX", name)) == 1
    pass_instant(answered + 1)
    assert client.leases("PREFIX", name) == []


# Replays


def test_a_repeated_acquire_answers_the_same_token_and_changes_nothing(
    client: Connection, other: Connection, name: str
) -> None:
    identifier = request()
    token = client.call("ACQUIRE", name, "30s", "REQUEST", identifier, "OWNER", "first")
    before = client.holder(name)
    assert other.call("ACQUIRE", name, "1h", "REQUEST", identifier, "OWNER", "second") == token
    after = client.holder(name)
    assert before is not None
    assert after is not None
    for field in ("token", "fence", "ttl_ms", "owner", "renewals", "acquired_at_ms", "pid"):
        assert before[field] == after[field], field
    assert after["remaining_ms"] <= before["remaining_ms"]


def test_another_id_or_no_id_is_no_replay(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s", "REQUEST", request())
    assert client.error("ACQUIRE", name, "30s", "REQUEST", request()) == "CONFLICT"
    assert client.error("ACQUIRE", name, "30s") == "CONFLICT"


def test_a_repeated_renew_answers_with_the_replaced_or_the_newest_token(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "30s")
    identifier = request()
    renewed = client.call("RENEW", name, fence, "30s", "REQUEST", identifier)
    assert client.call("RENEW", name, fence, "30s", "REQUEST", identifier) == renewed
    assert client.call("RENEW", name, renewed, "1h", "REQUEST", identifier) == renewed
    held = client.holder(name)
    assert held is not None
    assert (held["renewals"], held["ttl_ms"]) == (1, 30_000)
    assert client.error("RENEW", name, fence - 1, "30s", "REQUEST", identifier) == "EXPIRED"


def test_a_repeated_renew_takes_no_older_token(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "30s")
    second = client.call("RENEW", name, fence, "30s")
    identifier = request()
    third = client.call("RENEW", name, second, "30s", "REQUEST", identifier)
    assert client.error("RENEW", name, fence, "30s", "REQUEST", identifier) == "EXPIRED"
    assert client.call("RENEW", name, second, "30s", "REQUEST", identifier) == third


def test_only_the_latest_id_of_a_tenure_is_remembered(client: Connection, name: str) -> None:
    first, second = request(), request()
    fence = client.call("ACQUIRE", name, "30s", "REQUEST", first)
    renewed = client.call("RENEW", name, fence, "30s", "REQUEST", second)
    assert client.error("ACQUIRE", name, "30s", "REQUEST", first) == "CONFLICT"
    again = client.call("RENEW", name, renewed, "30s")
    assert client.error("RENEW", name, renewed, "30s", "REQUEST", second) == "EXPIRED"
    assert client.call("CHECK", name, again) > 0


def test_an_id_counts_for_its_verb_only(client: Connection, name: str) -> None:
    identifier = request()
    fence = client.call("ACQUIRE", name, "30s", "REQUEST", identifier)
    renewed = client.call("RENEW", name, fence, "30s", "REQUEST", identifier)
    assert renewed > fence, "a renewal with the grant's id is a renewal"
    assert client.error("ACQUIRE", name, "30s", "REQUEST", identifier) == "CONFLICT"


def test_an_id_is_forgotten_with_its_tenure(client: Connection, name: str) -> None:
    identifier = request()
    first = client.call("ACQUIRE", name, "30s", "REQUEST", identifier)
    client.call("RELEASE", name, first)
    second = client.call("ACQUIRE", name, "30s", "REQUEST", identifier)
    assert second > first
    assert client.error("RELEASE", name, first) == "EXPIRED"


@pytest.mark.root
def test_a_replay_is_only_for_the_same_user(shared: Daemon, client: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    identifier = request()
    client.call("ACQUIRE", name, "30s", "REQUEST", identifier)
    with ConnectionAs(str(shared.socket)) as stranger:
        assert stranger.error("ACQUIRE", name, "30s", "REQUEST", identifier) == "CONFLICT"


# Revocation


def test_revoke_after_lets_the_tenure_run_out_and_refuses_renewals(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    sent = now()
    assert client.call("REVOKE", name, "AFTER", "1s", "REASON", "make room") == 1
    held = client.holder(name)
    assert held is not None
    assert held["state"] == b"revoking"
    assert held["remaining_ms"] <= 1_000, "remaining_ms tells the nearer end"
    assert client.call("CHECK", name, token) <= 1_000
    assert client.error("RENEW", name, token, "30s") == "REVOKED"
    assert client.error("ACQUIRE", name, "30s") == "CONFLICT"
    eventually(lambda: client.call("HOLDER", name) is None, 5, "the end of the revoked lease")
    assert sent + 1 <= now()
    assert client.error("RENEW", name, token, "30s") == "EXPIRED"


def test_revoke_after_a_time_beyond_the_deadline_does_not_prolong(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "2s")
    assert client.call("REVOKE", name, "AFTER", "1h") == 1
    assert client.call("CHECK", name, token) <= 2_000


def test_a_revoking_lease_can_be_released(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    client.call("REVOKE", name, "AFTER", "1h")
    assert client.call("RELEASE", name, token) == OK
    assert client.call("ACQUIRE", name, "30s") > token


def test_a_second_revoke_replaces_the_time(client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    client.call("REVOKE", name, "AFTER", "10s")
    assert client.call("CHECK", name, token) <= 10_000
    assert client.call("REVOKE", name, "AFTER", "20m") == 1
    assert 10_000 < client.call("CHECK", name, token) <= 1_200_000
    assert client.call("REVOKE", name) == 1
    assert client.error("CHECK", name, token) == "EXPIRED"


def test_revoke_after_nothing_is_at_once(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "1h")
    assert client.call("REVOKE", name, "AFTER", "0s") == 1
    assert client.call("HOLDER", name) is None


def test_a_replayed_renew_of_a_revoking_lease_is_revoked(client: Connection, name: str) -> None:
    fence = client.call("ACQUIRE", name, "1h")
    identifier = request()
    renewed = client.call("RENEW", name, fence, "1h", "REQUEST", identifier)
    client.call("REVOKE", name, "AFTER", "1h")
    for token in (fence, renewed):
        assert client.error("RENEW", name, token, "1h", "REQUEST", identifier) == "REVOKED"
    assert client.error("RENEW", name, fence - 1, "1h", "REQUEST", identifier) == "EXPIRED"


# Who


@pytest.mark.root
def test_only_the_holder_and_administrators_renew_release_and_revoke(
    shared: Daemon, client: Connection, name: str
) -> None:
    admit_everyone(shared.socket)
    token = client.call("ACQUIRE", name, "30s")
    with ConnectionAs(str(shared.socket)) as stranger:
        assert stranger.error("RENEW", name, token, "30s") == "DENIED"
        assert stranger.error("RELEASE", name, token) == "DENIED"
        assert stranger.error("REVOKE", name) == "DENIED"
        assert stranger.call("CHECK", name, token) > 0, "tokens are not secrets"
        held = client.holder(name)
        assert held is not None
        assert (held["token"], held["state"]) == (token, b"held")
        assert client.call("RELEASE", name, token) == OK

        theirs = stranger.call("ACQUIRE", name, "30s")
        held = stranger.holder(name)
        assert held is not None
        assert (held["uid"], held["gid"]) == (STRANGER, STRANGER)
        renewed = client.call("RENEW", name, theirs, "30s")
        assert stranger.call("REVOKE", name, "AFTER", "1h") == 1, "one's own"
        assert client.call("RELEASE", name, renewed) == OK


@pytest.mark.root
def test_which_error_comes_first(shared: Daemon, client: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as stranger:
        assert stranger.error("RENEW", name, 1, "30s") == "EXPIRED", "nobody holds it"
        token = client.call("ACQUIRE", name, "1h")
        assert stranger.error("RENEW", name, token + 1, "30s") == "EXPIRED", "the token before the user"
        assert stranger.error("RELEASE", name, token + 1) == "EXPIRED"
        assert stranger.error("RENEW", name, token, "30s") == "DENIED"
        client.call("REVOKE", name, "AFTER", "1h")
        assert stranger.error("RENEW", name, token + 1, "30s") == "EXPIRED", "the token before the revocation"
        assert stranger.error("RENEW", name, token, "30s") == "REVOKED", "the revocation before the user"
        assert stranger.error("RELEASE", name, token) == "DENIED"
        assert client.error("RENEW", name, token, "30s") == "REVOKED"


@pytest.mark.root
def test_revoke_of_nothing_is_0_for_anybody(shared: Daemon, name: str) -> None:
    admit_everyone(shared.socket)
    with ConnectionAs(str(shared.socket)) as stranger:
        assert stranger.call("REVOKE", name) == 0
