"""The store commands in the tests' terms: entries, trackers, pages."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .resp import OK, Argument, Connection, Reply, pairs

KINDS = [b"simple", b"prefix", b"lease"]
RING = 1 << 64


def raw(argument: Argument) -> bytes:
    """An argument as it is sent."""
    return argument if isinstance(argument, bytes) else str(argument).encode()


@dataclass
class EntryLease:
    """`LEASE token expires_at_ms [FENCE f] [TTL ms] [UID u] [OWNER label]`; fields that are `None` are left out."""

    token: int
    expires_at_ms: int
    fence: int | None = None
    ttl_ms: int | None = None
    uid: int | None = None
    owner: bytes | None = None


@dataclass
class Entry:
    """One entry of `EXPORT` and `IMPORT`."""

    key: bytes
    value: bytes | None = None
    children: list[bytes] = field(default_factory=list)
    lease: EntryLease | None = None

    def words(self) -> list[Argument]:
        """The flat list of the contract."""
        words: list[Argument] = ["KEY", self.key]
        if self.value is not None:
            words += ["SIMPLE", self.value]
        for child in self.children:
            words += ["CHILD", child]
        if self.lease is not None:
            words += ["LEASE", self.lease.token, self.lease.expires_at_ms]
            optional = {
                "FENCE": self.lease.fence,
                "TTL": self.lease.ttl_ms,
                "UID": self.lease.uid,
                "OWNER": self.lease.owner,
            }
            for word, value in optional.items():
                if value is not None:
                    words += [word, value]
        return words


def parse(reply: Reply) -> Entry:
    """Parses an entry from the flat array that `EXPORT` returns; fails on anything that is not in the contract."""
    assert isinstance(reply, list), f"an entry is an array: {reply!r}"
    words = [raw(word) for word in reply]
    assert words[0] == b"KEY"
    entry, rest = Entry(words[1]), iter(words[2:])
    for word in rest:
        match word:
            case b"SIMPLE":
                assert entry.value is None
                entry.value = next(rest)
            case b"CHILD":
                entry.children.append(next(rest))
            case b"LEASE":
                assert entry.lease is None
                entry.lease = EntryLease(int(next(rest)), int(next(rest)))
            case b"FENCE" | b"TTL" | b"UID":
                assert entry.lease is not None
                setattr(entry.lease, {b"FENCE": "fence", b"TTL": "ttl_ms", b"UID": "uid"}[word], int(next(rest)))
            case b"OWNER":
                assert entry.lease is not None
                entry.lease.owner = next(rest)
            case _:
                raise AssertionError(f"not a word of an entry: {word!r} in {words!r}")
    return entry


def export(client: Connection, *keys: Argument) -> list[Entry]:
    """`EXPORT`, parsed."""
    return [parse(entry) for entry in client.call("EXPORT", *keys)]


def load(client: Connection, entries: Iterable[Entry]) -> None:
    """`IMPORT` of all entries in one command, which must succeed."""
    assert client.call("IMPORT", *[word for entry in entries for word in entry.words()]) == OK


def tracker(client: Connection, key: Argument) -> tuple[int, list[bytes]] | None:
    """`KEYS TRACKER`: the hash and the kinds, or `None`."""
    reply = client.call("KEYS", "TRACKER", key)
    if reply is None:
        return None
    fields = pairs(reply)
    return int(fields["hash"]), fields["kinds"]


def kinds(client: Connection, key: Argument) -> list[bytes]:
    """The kinds that a key has; empty if it has no tracker."""
    found = tracker(client, key)
    assert found is None or found[1], "a tracker without a kind"
    return [] if found is None else found[1]


def listed(client: Connection, *arguments: Argument) -> dict[bytes, list[bytes]]:
    """`KEYS LIST`: the kinds by key, in the order of the reply."""
    return {key: kinds for key, *kinds in client.call("KEYS", "LIST", *arguments)}


def ranged(client: Connection, low: int, high: int, *arguments: Argument) -> list[bytes]:
    """`KEYS RANGE`."""
    reply: list[bytes] = client.call("KEYS", "RANGE", low, high, *arguments)
    return reply


def pages(page: Callable[..., list[bytes]], size: int) -> Iterator[list[bytes]]:
    """All pages of at most `size` elements that `page` returns, each after the last element of the previous one."""
    after: list[Argument] = []
    seen: set[bytes] = set()
    while found := page(*after, "COUNT", size):
        assert len(found) <= size
        assert seen.isdisjoint(found), "an element was shown twice"
        seen.update(found)
        yield found
        after = ["AFTER", found[-1]]


def within(hash_: int, low: int, high: int) -> bool:
    """Whether a hash is in the ring interval (low, high]; equal ends mean the whole ring."""
    return low < hash_ <= high if low < high else hash_ > low or hash_ <= high


def random_bytes(source: random.Random, least: int, most: int) -> bytes:
    """Bytes of every kind: zeros, line ends, invalid UTF-8."""
    return source.randbytes(source.randint(least, most))
