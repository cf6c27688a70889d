"""Proves from a recorded history that the daemon kept its promises, or shows where it did not.

The checker knows nothing of the daemon's inside. A command was decided at some instant between its send and its end. It
follows, for each tenure whose grant was answered, at which instants it certainly holds and from which instant on it has
certainly ended. Every reply must agree with these:

    send of the grant   its reply                        earliest end                   latest end
         |----------------|================================|------------------------------|----------->
          perhaps granted         certainly held             held or over                   certainly over

- earliest end: the send of the last answered grant or renewal + TTL, or of the first command that may have ended it;
- a daemon that was dead before the earliest end cannot have ended it: the restart gives min(TTL, 10 s) more, once;
- latest end: the reply of any command that shows it over, or the last possible deadline.

All commands on one lease name must ask for the same TTL, so that a renewal never shortens a tenure.
"""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from history import History, Operation

GRACE = 10_000_000_000
FOREVER = 1 << 62


@dataclass
class Tenure:
    """What the records prove of one tenure: it certainly holds in [reply, earliest_end), and not from latest_end on."""

    name: str
    fence: int
    ttl: int
    send: int
    reply: int
    tokens: set[int] = field(default_factory=set)
    #: (send, reply) of the grant and of each answered renewal.
    extensions: list[tuple[int, int]] = field(default_factory=list)
    #: Commands that name one of its tokens, and replies that show its fence.
    own: list[Operation] = field(default_factory=list)
    earliest_end: int = 0
    latest_end: int = FOREVER

    def __str__(self) -> str:
        return (
            f"tenure {self.fence} of {self.name}, held [{self.reply}, {self.earliest_end}), over at {self.latest_end}"
        )


def check(history: History) -> list[str]:
    """Every promise that the history shows to be broken, one line each; an empty list if all were kept."""
    return list(Checker(history).violations())


class Checker:
    """The indexes of one history, and the promises over them."""

    def __init__(self, history: History) -> None:
        self.operations = sorted(history.operations, key=lambda o: o.send)
        self.outages = sorted(history.outages, key=lambda o: o.killed)
        self.longest = max((o.end - o.send for o in self.operations), default=0)
        self.first_send: dict[tuple[str, str, str], int] = {}
        for operation in self.operations:
            if operation.request:
                self.first_send.setdefault(operation.attempt, operation.send)
        self.commands: dict[str, list[Operation]] = defaultdict(list)
        for operation in self.operations:
            self.commands[operation.name].append(operation)
        self.tenures = self._tenures()
        self.tenures_of: dict[str, list[Tenure]] = defaultdict(list)
        for tenure in self.tenures.values():
            self.tenures_of[tenure.name].append(tenure)
        for tenure in self.tenures.values():
            self._bound(tenure)

    def violations(self) -> Iterator[str]:
        yield from self._tokens_rise()
        yield from self._renewals_are_repeated_alike()
        for tenure in self.tenures.values():
            yield from self._held_while_it_must_be(tenure)
            yield from self._over_when_it_must_be(tenure)
        yield from self._expired_stays_expired()
        yield from self._somebody_asked_for_each_holder()
        yield from self._conflicts_have_a_cause()

    # Reconstruction

    def _sent(self, operation: Operation) -> int:
        """The earliest instant at which this command or an earlier attempt of it may have been decided."""
        return self.first_send.get(operation.attempt, operation.send) if operation.request else operation.send

    def _during(self, name: str, start: int, end: int) -> list[Operation]:
        """The commands on a lease that overlap an interval."""
        commands = self.commands[name]
        low = bisect.bisect_left(commands, start - self.longest, key=lambda o: o.send)
        high = bisect.bisect_right(commands, end, key=lambda o: o.send)
        return [o for o in commands[low:high] if o.end >= start]

    def _tenures(self) -> dict[tuple[str, int], Tenure]:
        """Answered grants, with the answered renewals that follow from them, in the order of tokens."""
        tenures: dict[tuple[str, int], Tenure] = {}
        by_token: dict[tuple[str, int], Tenure] = {}
        for o in sorted(
            (o for o in self.operations if o.granted and o.verb != "TOKEN"), key=lambda o: (o.granted, o.end)
        ):
            key = (o.name, o.granted)
            if key in by_token:
                continue  # a repetition that was answered again
            if o.verb == "ACQUIRE":
                by_token[key] = tenures[key] = Tenure(o.name, o.granted, o.ttl, self._sent(o), o.end)
            elif (o.name, o.token) in by_token:
                by_token[key] = by_token[o.name, o.token]
            else:
                continue
            by_token[key].tokens.add(o.granted)
            by_token[key].extensions.append((self._sent(o), o.end))
        for o in self.operations:
            named = by_token.get((o.name, o.token)) if o.token else None
            shown = (
                tenures.get((o.name, o.reply)) if o.verb in {"HOLDER", "ACQUIRE"} and isinstance(o.reply, int) else None
            )
            for tenure in (named, shown):
                if tenure is not None:
                    tenure.own.append(o)
        return tenures

    def _last_deadline(self, instant: int, ttl: int) -> int:
        """The latest end by time of a tenure that was granted or renewed at `instant` or before."""
        restart = next((outage.ready for outage in self.outages if outage.ready > instant), None)
        return max(instant + ttl, 0 if restart is None else restart + min(ttl, GRACE))

    def _bound(self, tenure: Tenure) -> None:
        # First the latest end by time, which limits the search.
        renewals = [o.end for o in tenure.own if o.verb == "RENEW" and o.reply is None]
        last = max([*(reply for _, reply in tenure.extensions), *renewals])
        over = [self._last_deadline(last, tenure.ttl)]
        near = self._during(tenure.name, tenure.send, over[0])

        earliest = 0
        for send, reply in tenure.extensions:
            earliest = max(earliest, send + tenure.ttl)
            outage = next((o for o in self.outages if o.dead > send), None)
            # An outage while the reply was under way may already have used the grace.
            if outage is not None and reply < outage.killed and outage.dead < earliest:
                earliest = max(earliest, outage.spawned + min(tenure.ttl, GRACE))
        for o in near:
            # A refused command ended nothing; any other may have, from its send on.
            if o.verb == "REVOKE" and o.reply != 0:
                earliest = min(earliest, o.send)
        releases = [o for o in tenure.own if o.verb == "RELEASE" and o.reply != "EXPIRED"]
        tenure.earliest_end = min([earliest, *(o.send for o in releases)])

        over += [o.end for o in releases if o.reply == "OK"]
        over += [o.end for o in tenure.own if o.verb == "CHECK" and o.token == tenure.fence and o.reply == "EXPIRED"]
        for o in near:
            if o.send > tenure.reply and (
                (o.verb == "REVOKE" and o.reply == 1)
                or (o.verb == "HOLDER" and o.reply is not None and o.reply != tenure.fence)
            ):
                over.append(o.end)
        over += [other.reply for other in self.tenures_of[tenure.name] if other.fence > tenure.fence]
        tenure.latest_end = min(over)

    # Promises

    def _tokens_rise(self) -> Iterator[str]:
        """Tokens are issued once, and rise in real time."""
        issued: dict[int, tuple[int, int, Operation]] = {}
        for o in self.operations:
            # A fence that only HOLDER shows was issued by a command whose reply was lost, before HOLDER's reply.
            token = o.granted or (o.reply if o.verb == "HOLDER" and isinstance(o.reply, int) else 0)
            if not token:
                continue
            send, end = (self._sent(o), o.end) if o.granted else (-1, o.end)
            if token in issued:
                earlier_send, earlier_end, first = issued[token]
                again = o.request and first.request and o.attempt == first.attempt
                if o.name != first.name or (o.granted and first.granted and not again):
                    yield f"token {token} was issued twice: {first} and {o}"
                issued[token] = (max(earlier_send, send), min(earlier_end, end), first if first.granted else o)
            else:
                issued[token] = (send, end, o)
        by_end = sorted((end, token) for token, (_, end, _) in issued.items())
        ends = [end for end, _ in by_end]
        highest = list(itertools.accumulate((token for _, token in by_end), max))
        for token, (send, _, o) in issued.items():
            before = bisect.bisect_left(ends, send)
            if before and highest[before - 1] >= token:
                yield f"token {token} is not above {highest[before - 1]}, which was answered before: {o}"

    def _renewals_are_repeated_alike(self) -> Iterator[str]:
        """A request id never gets two different tokens by renewing."""
        given: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for o in self.operations:
            if o.verb == "RENEW" and o.request and o.granted:
                given[o.attempt].add(o.granted)
        for attempt, tokens in given.items():
            if len(tokens) > 1:
                yield f"{attempt} was given {sorted(tokens)}"

    def _held_while_it_must_be(self, tenure: Tenure) -> Iterator[str]:
        """While a tenure certainly holds, no reply says otherwise."""
        if tenure.latest_end < tenure.earliest_end:
            yield f"{tenure}: it was shown over while it was certainly held"
        doubtful = min((o.send for o in tenure.own if o.verb == "RENEW" and o.reply is None), default=FOREVER)
        for o in self._during(tenure.name, tenure.reply, tenure.earliest_end):
            if o.send <= tenure.reply or o.end >= tenure.earliest_end or o.reply is None:
                continue
            if o.verb == "ACQUIRE" and o.granted and o.granted != tenure.fence:
                yield f"{tenure}: another was granted meanwhile: {o}"
            if o.verb == "HOLDER" and o.reply != tenure.fence:
                yield f"{tenure}: not shown as the holder: {o}"
            if o.verb == "REVOKE" and o.reply == 0:
                yield f"{tenure}: a revocation found nothing: {o}"
            if o.verb == "CHECK" and o.token == tenure.fence and o.reply == "EXPIRED":
                yield f"{tenure}: its fence was refused: {o}"
            # A renewal whose reply was lost may have replaced the newest token that the clients know.
            newest = o.token == max(tenure.tokens) and o.end < doubtful
            if o.verb in {"RENEW", "RELEASE"} and newest and o.reply == "EXPIRED":
                yield f"{tenure}: its newest token was refused: {o}"

    def _over_when_it_must_be(self, tenure: Tenure) -> Iterator[str]:
        """A tenure that has certainly ended never appears again; and it never has more time left than its TTL."""
        for o in tenure.own:
            alive = isinstance(o.reply, int) or (o.verb == "RELEASE" and o.reply == "OK")
            if alive and o.send > tenure.latest_end:
                yield f"{tenure}: still alive: {o}"
            if o.verb == "CHECK" and isinstance(o.reply, int) and not 0 <= o.reply <= tenure.ttl // 1_000_000:
                yield f"{tenure}: more left than was asked for: {o}"

    def _expired_stays_expired(self) -> Iterator[str]:
        """A token that was answered EXPIRED never works again, except for the repetition of a renewal whose reply was
        lost.
        """
        expired: dict[tuple[bool, str, int], int] = {}
        for o in self.operations:
            if o.reply == "EXPIRED":
                key = (o.verb == "CHECK", o.name, o.token)
                expired[key] = min(expired.get(key, FOREVER), o.end)
        for o in self.operations:
            works = (o.verb in {"CHECK", "RENEW"} and isinstance(o.reply, int)) or (
                o.verb == "RELEASE" and o.reply == "OK"
            )
            if not works or o.request:
                continue
            # CHECK accepts the fence for as long as the tenure lasts; renewals and releases need the newest token.
            for by_check in {True, o.verb == "CHECK"}:
                since = expired.get((by_check, o.name, o.token), FOREVER)
                if since < o.send:
                    yield f"token {o.token} of {o.name} was EXPIRED at {since} and works again: {o}"

    def _somebody_asked_for_each_holder(self) -> Iterator[str]:
        """HOLDER shows only tenures that somebody asked for, and not before."""
        lost: dict[str, int] = {}
        for o in self.operations:
            if o.verb == "ACQUIRE" and o.reply is None:
                lost.setdefault(o.name, o.send)
        for o in self.operations:
            if o.verb != "HOLDER" or not isinstance(o.reply, int) or o.reply == 0:
                continue
            tenure = self.tenures.get((o.name, o.reply))
            if o.end < (lost.get(o.name, FOREVER) if tenure is None else tenure.send):
                yield f"nobody had asked for what {o} shows"

    def _conflicts_have_a_cause(self) -> Iterator[str]:
        """CONFLICT is answered only while somebody may hold the lease."""
        for name, commands in self.commands.items():
            possible = [(t.send, t.latest_end) for t in self.tenures_of[name]]
            possible += [
                (o.send, self._last_deadline(o.end, o.ttl)) for o in commands if o.verb == "ACQUIRE" and o.reply is None
            ]
            possible.sort()
            starts = [start for start, _ in possible]
            furthest = list(itertools.accumulate((end for _, end in possible), max))
            for o in commands:
                if o.verb == "ACQUIRE" and o.reply == "CONFLICT":
                    begun = bisect.bisect_right(starts, o.end)
                    if not begun or furthest[begun - 1] < o.send:
                        yield f"nobody can have held the lease: {o}"
