"""The checker accepts correct histories and rejects wrong ones: a checker that accepts everything proves nothing."""

import dataclasses
import random
from collections.abc import Callable

import pytest

from checker import check
from harness.model import Model
from history import History, Operation, Outage

SEEDS = range(25)
MS = 1_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_right_histories_are_accepted(seed: int) -> None:
    history = Model(seed).run()
    assert len(history.operations) > 300
    assert len(history.outages) > 3
    assert check(history) == []


def change(history: History, index: int, **fields: object) -> History:
    operations = history.operations.copy()
    operations[index] = dataclasses.replace(operations[index], **fields)  # type: ignore[arg-type]
    return History(operations, history.outages)


def pick(history: History, source: random.Random, wanted: Callable[[Operation], bool]) -> int:
    return source.choice([i for i, o in enumerate(history.operations) if wanted(o)])


def lower_token(history: History, source: random.Random) -> History:
    index = pick(history, source, lambda o: o.verb == "TOKEN" and bool(o.granted) and o.send > 10_000 * MS)
    return change(history, index, reply=1)


def duplicate_token(history: History, source: random.Random) -> History:
    first = pick(history, source, lambda o: bool(o.granted))
    second = pick(
        history, source, lambda o: o.verb == "TOKEN" and o is not history.operations[first] and bool(o.granted)
    )
    return change(history, second, reply=history.operations[first].reply)


def freshly_granted(history: History, source: random.Random) -> Operation:
    """A grant whose holder soon checks it with success: nothing ended it in between."""
    found = []
    for grant in history.operations:
        if grant.verb == "ACQUIRE" and grant.granted:
            later = [
                o
                for o in history.operations
                if o.name == grant.name and o.send > grant.end and o.token == grant.granted
            ]
            first = min(later, key=lambda o: o.send, default=None)
            if first is None or first.verb != "CHECK" or not isinstance(first.reply, int) or first.reply <= 300:
                continue
            if not any(
                o.verb in {"REVOKE", "RELEASE"} and o.end > grant.send - 100 * MS and o.send < first.end
                for o in history.operations
                if o.name == grant.name
            ):
                found.append(first)
    return source.choice(found)


def lost_grant(history: History, source: random.Random) -> History:
    check_of = freshly_granted(history, source)
    return change(history, history.operations.index(check_of), reply="EXPIRED")


def holder_forgotten(history: History, source: random.Random) -> History:
    check_of = freshly_granted(history, source)
    shown = Operation("HOLDER", check_of.send, check_of.end, 0, check_of.name, client=99)
    return History([*history.operations, shown], history.outages)


def second_grant(history: History, source: random.Random) -> History:
    check_of = freshly_granted(history, source)
    above = max(o.granted for o in history.operations if o.end < check_of.end) + 1
    grant = Operation("ACQUIRE", check_of.send, check_of.end, above, check_of.name, ttl=1, client=99)
    return History([*history.operations, grant], history.outages)


def revocation_of_nothing(history: History, source: random.Random) -> History:
    check_of = freshly_granted(history, source)
    revoked = Operation("REVOKE", check_of.send, check_of.end, 0, check_of.name, client=99)
    return History([*history.operations, revoked], history.outages)


def alive_after_release(history: History, source: random.Random) -> History:
    index = pick(history, source, lambda o: o.verb == "RELEASE" and o.reply == "OK")
    release = history.operations[index]
    ghost = Operation("CHECK", release.end + 1, release.end + 2, 1, release.name, release.token, client=99)
    return History([*history.operations, ghost], history.outages)


def alive_after_revocation(history: History, source: random.Random) -> History:
    check_of = freshly_granted(history, source)
    end = check_of.end
    revoked = Operation("REVOKE", end + 1, end + 2, 1, check_of.name, client=99)
    ghost = Operation("HOLDER", end + 3, end + 4, check_of.token, check_of.name, client=99)
    return History([*history.operations, revoked, ghost], history.outages)


def expired_works_again(history: History, source: random.Random) -> History:
    index = pick(history, source, lambda o: o.verb in {"RENEW", "RELEASE"} and o.reply == "EXPIRED")
    expired = history.operations[index]
    again = Operation("RELEASE", expired.end + 1, expired.end + 2, "OK", expired.name, expired.token, client=99)
    return History([*history.operations, again], history.outages)


def holder_of_nobody(history: History, source: random.Random) -> History:
    shown = Operation("HOLDER", 1, 2, 999, "a", client=99)
    return History([*history.operations, shown], history.outages)


def lives_too_long(history: History, source: random.Random) -> History:
    index = pick(history, source, lambda o: o.verb == "ACQUIRE" and bool(o.granted) and o.reply is not None)
    grant = history.operations[index]
    late = grant.end + 60_000 * MS
    shown = Operation("HOLDER", late, late + 1, grant.reply, grant.name, client=99)
    return History([*history.operations, shown], history.outages)


def conflict_with_nobody(history: History, source: random.Random) -> History:
    late = history.operations[-1].end + 60_000 * MS
    refused = Operation("ACQUIRE", late, late + 1, "CONFLICT", "a", ttl=1_000 * MS, client=99)
    return History([*history.operations, refused], history.outages)


def renewal_repeated_otherwise(history: History, source: random.Random) -> History:
    index = pick(history, source, lambda o: o.verb == "RENEW" and bool(o.granted) and bool(o.request))
    renewal = history.operations[index]
    again = dataclasses.replace(renewal, send=renewal.end + 1, end=renewal.end + 2, reply=renewal.granted + 1)
    return History([*history.operations, again], history.outages)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lower_token, duplicate_token, lost_grant, holder_forgotten, second_grant, revocation_of_nothing,
        alive_after_release, alive_after_revocation, expired_works_again, holder_of_nobody, lives_too_long,
        conflict_with_nobody, renewal_repeated_otherwise,
    ],
)  # fmt: skip
def test_wrong_histories_are_rejected(spoil: Callable[[History, random.Random], History], seed: int) -> None:
    wrong = spoil(Model(seed).run(), random.Random(seed))
    assert check(wrong) != []


# The restart rules, by hand


def grant_and(*rest: Operation, outage: Outage | None = None) -> list[str]:
    grant = Operation("ACQUIRE", 0, 10 * MS, 5, "x", ttl=1_000 * MS)
    return check(History([grant, *rest], [outage] if outage else []))


RESTART = Outage(500 * MS, 501 * MS, 2_000 * MS, 2_100 * MS)


def test_a_restart_never_takes_a_lease_away() -> None:
    gone = Operation("HOLDER", 2_200 * MS, 2_201 * MS, 0, "x")
    assert grant_and(gone) == [], "past its deadline, without a restart"
    assert grant_and(gone, outage=RESTART) != [], "killed before its deadline, it has a second more"


def test_a_restart_gives_no_more_than_its_grace() -> None:
    held = Operation("HOLDER", 3_200 * MS, 3_201 * MS, 5, "x")
    assert grant_and(held, outage=RESTART) != []
    assert grant_and(dataclasses.replace(held, send=3_000 * MS, end=3_050 * MS), outage=RESTART) == []


def test_a_lost_release_may_have_ended_it() -> None:
    lost = Operation("RELEASE", 20 * MS, 30 * MS, None, "x", 5)
    gone = Operation("HOLDER", 40 * MS, 41 * MS, 0, "x")
    assert grant_and(gone) != []
    assert grant_and(lost, gone) == []


def test_a_lost_grant_may_be_repeated() -> None:
    lost = Operation("ACQUIRE", 0, 10, None, "y", ttl=1_000 * MS, request="r" * 16)
    again = Operation("ACQUIRE", 20, 30, 7, "y", ttl=1_000 * MS, request="r" * 16)
    between = Operation("TOKEN", 12, 15, 9)
    assert check(History([lost, between, again])) == [], "it was granted before the token that was answered first"
    assert check(History([between, again])) != []
