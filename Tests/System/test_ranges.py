"""`KEYS LIST` and `KEYS RANGE`: in index order, by the ring of unsigned hashes, in pages."""

import random
from collections.abc import Iterator
from functools import partial

import pytest
import xxhash

from harness.daemon import Daemon
from harness.resp import OK, Argument, Connection
from harness.seeds import seed
from harness.store import RING, Entry, listed, load, pages, ranged, tracker, within

COUNT = 400
HALF = 1 << 63


class Ring:
    """A daemon whose store holds many keys and nothing else, and the hash of each."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        source = random.Random(7)
        keys = [b"", b"\x00", b"\xff", *(source.randbytes(source.randint(0, 40)) for _ in range(COUNT - 3))]
        self.keys = sorted({b"k" + key for key in keys})
        with daemon.connect() as client:
            load(client, [Entry(key, b"") for key in self.keys])
            self.hashes = {key: tracker(client, key)[0] for key in self.keys}  # type: ignore[index]
        #: The order of every range: by unsigned hash, then by key.
        self.order = sorted(self.keys, key=lambda key: (self.hashes[key], key))

    def expected(self, low: int, high: int) -> list[bytes]:
        return [key for key in self.order if within(self.hashes[key], low, high)]


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    daemon = Daemon(tmp_path_factory.mktemp("ring")).start()
    yield Ring(daemon)
    daemon.stop()
    daemon.discard()


@pytest.fixture
def member(ring: Ring, protocol: int) -> Iterator[Connection]:
    """A connection to the ring's daemon."""
    with ring.daemon.connect(protocol) as connection:
        yield connection


# Hashes


def test_hashes_are_xxh64_of_the_bytes_of_the_key(ring: Ring) -> None:
    """The default function, as ARCHITECTURE names it, computed here by a different implementation."""
    assert {key: xxhash.xxh64_intdigest(key) for key in ring.keys} == ring.hashes


def test_hashes_lie_on_both_sides_of_the_sign_bit(ring: Ring) -> None:
    low = sum(hash_ < HALF for hash_ in ring.hashes.values())
    assert COUNT / 4 < low < 3 * COUNT / 4


def test_the_hash_of_a_key_is_the_same_in_every_store(ring: Ring, shared: Daemon) -> None:
    with shared.connect() as client:
        for key in ring.keys[:20]:
            assert client.call("PREFIX", "APPEND", key, "c") == OK
            assert tracker(client, key) == (ring.hashes[key], [b"prefix"])
            assert client.call("KEYS", "REMOVE", key) == 1


# Ranges


def test_a_range_is_an_array_of_keys(member: Connection, ring: Ring) -> None:
    reply = member.call("KEYS", "RANGE", 0, RING - 1, "COUNT", 3)
    assert reply == ring.order[:3]
    assert all(type(key) is bytes for key in reply)


@pytest.mark.parametrize("point", [0, 1, HALF - 1, HALF, HALF + 1, RING - 1])
def test_equal_ends_are_the_whole_ring(member: Connection, ring: Ring, point: int) -> None:
    assert ranged(member, point, point) == ring.order, "by ascending unsigned hash, wherever the range begins"


def test_a_range_leaves_out_its_low_end_and_holds_its_high_end(member: Connection, ring: Ring) -> None:
    for i in (1, COUNT // 4, COUNT // 2, COUNT * 3 // 4):
        one, two, three = ring.order[i - 1 : i + 2]
        a, b, c = (ring.hashes[key] for key in (one, two, three))
        assert ranged(member, a, b) == [two]
        assert ranged(member, a - 1, a) == [one]
        assert ranged(member, a, c) == [two, three]
        assert ranged(member, a, b - 1) == []
        assert ranged(member, a - 1, b) == [one, two]


def test_ranges_around_the_sign_bit(member: Connection, ring: Ring) -> None:
    for low, high in (
        (0, HALF - 1), (0, HALF), (HALF - 1, HALF), (HALF, RING - 1), (HALF - 1, RING - 1), (HALF // 2, HALF * 3 // 2),
        (RING - 1, 0), (RING - 1, HALF), (HALF, 0), (HALF, HALF - 1), (HALF * 3 // 2, HALF // 2), (1, 0),
        (0, RING - 1), (RING - 2, RING - 1), (RING - 1, RING - 2),
    ):  # fmt: skip
        assert ranged(member, low, high) == ring.expected(low, high), (low, high)


def test_neighbouring_ranges_share_the_ring_without_gap_or_overlap(member: Connection, ring: Ring) -> None:
    source = random.Random(seed())
    for _ in range(20):
        cuts = sorted({source.getrandbits(64) for _ in range(source.randint(2, 9))})
        found = [key for low, high in zip(cuts, cuts[1:] + cuts[:1], strict=True) for key in ranged(member, low, high)]
        assert sorted(found) == ring.keys


def test_random_ranges(member: Connection, ring: Ring) -> None:
    source = random.Random(seed())
    points = [0, 1, HALF - 1, HALF, RING - 1, *ring.hashes.values()]
    for _ in range(150):
        low, high = (source.choice(points) if source.random() < 0.5 else source.getrandbits(64) for _ in range(2))
        assert ranged(member, low, high) == ring.expected(low, high), (low, high)


def test_pages_of_a_range_show_each_key_once(member: Connection, ring: Ring) -> None:
    for low, high in ((0, 0), (HALF, HALF // 2), (HALF // 2, HALF), (RING - 1, RING - 1)):
        for size in (7, 100, COUNT, COUNT + 1):
            found = [key for page in pages(partial(ranged, member, low, high), size) for key in page]
            assert found == ring.expected(low, high), (low, high, size)


def test_a_range_goes_on_after_a_key_that_is_gone(member: Connection, ring: Ring) -> None:
    """The position of `AFTER` follows from the key's bytes, whether or not the key exists."""
    for i in (50, 250):
        gone, follower = ring.order[i], ring.order[i + 1]
        assert member.call("KEYS", "REMOVE", gone) == 1
        try:
            assert ranged(member, 0, 0, "AFTER", gone, "COUNT", 1) == [follower]
            wrapped = ring.hashes[ring.order[i + 10]]
            assert ranged(member, wrapped, wrapped, "COUNT", 2, "AFTER", gone) == ring.order[i + 1 : i + 3]
        finally:
            load(member, [Entry(gone, b"")])
        assert tracker(member, gone) == (ring.hashes[gone], [b"simple"])


def test_a_range_with_nothing_in_it_is_an_empty_array(member: Connection, ring: Ring) -> None:
    assert ranged(member, 0, ring.hashes[ring.order[0]] - 1) == []
    last = ring.order[-1]
    assert ranged(member, 0, 0, "AFTER", last) == []
    assert ranged(member, ring.hashes[last], RING - 1) == []


def test_ranges_hold_keys_of_every_kind(shared: Daemon, client: Connection, name: str) -> None:
    token = client.call("ACQUIRE", name, "1h")
    hash_ = tracker(client, name)[0]  # type: ignore[index]
    only = ((hash_ - 1) % RING, hash_)
    assert name.encode() in ranged(client, *only)
    client.call("PREFIX", "APPEND", name, "c")
    client.call("RELEASE", name, token)
    assert name.encode() in ranged(client, *only)
    client.call("PREFIX", "REMOVE", name, "c")
    assert name.encode() not in ranged(client, *only)


def test_no_keys_at_all(daemon: Daemon) -> None:
    for version in (2, 3):
        with daemon.connect(version) as client:
            assert client.call("KEYS", "RANGE", 0, 0) == []
            assert client.call("KEYS", "LIST") == []
            assert client.call("KEYS", "LIST", "PREFIX", "") == []


# KEYS LIST


def fill(client: Connection, keys: list[bytes]) -> None:
    shuffled = keys.copy()
    random.Random(1).shuffle(shuffled)
    for i, key in enumerate(shuffled):
        words: list[list[Argument]] = [["PUT", key, ""], ["PREFIX", "APPEND", key, "c"], ["ACQUIRE", key, "1h"]]
        client.call(*words[i % 3])


def test_keys_are_listed_in_byte_order(client: Connection, name: str) -> None:
    tails = [b"", b"\x00", b"\x00\x00", b"A", b"a", b"ab", b"b", b"\x7f", b"\x80", "ü".encode(), b"\xff", b"\xff\xff"]
    keys = [name.encode() + b"!" + tail for tail in tails]
    fill(client, keys)
    assert list(listed(client, "PREFIX", name + "!")) == sorted(keys)
    assert list(listed(client, "PREFIX", name + "!a")) == [name.encode() + b"!a", name.encode() + b"!ab"]


def test_a_prefix_of_the_highest_bytes_has_an_end_of_its_own(client: Connection, name: str) -> None:
    # An upper bound made by adding one to the last byte would find nothing here, or everything.
    tail = name.encode()
    keys = [b"\xfe\xff" + tail, b"\xff" + tail, b"\xff\xfe" + tail, b"\xff\xff" + tail, b"\xff\xff\xff" + tail]
    fill(client, keys)
    try:
        mine = [key for key in listed(client, "PREFIX", b"\xff") if key.endswith(tail)]
        assert mine == keys[1:]
        assert [k for k in listed(client, "PREFIX", b"\xff\xff") if k.endswith(tail)] == keys[3:]
        assert [k for k in listed(client, "PREFIX", b"\xff\xff\xff") if k.endswith(tail)] == keys[4:]
        assert [k for k in listed(client, "PREFIX", b"\xfe\xff") if k.endswith(tail)] == keys[:1]
        assert [k for k in listed(client, "PREFIX", b"\xff", "AFTER", keys[2]) if k.endswith(tail)] == keys[3:]
        assert set(keys) <= set(listed(client, "PREFIX", ""))
        assert client.call("KEYS", "LIST", "PREFIX", b"\xff" * 1024) == []
    finally:
        client.call("KEYS", "REMOVE", *keys)


def test_a_prefix_is_not_a_pattern(client: Connection, name: str) -> None:
    for tail in ("plain", "*", "%", "_", "?", "[a]"):
        client.call("PUT", f"{name}-{tail}", "")
    for pattern in ("*", "%", "_", "?", "["):
        assert len(listed(client, "PREFIX", f"{name}-{pattern}")) == 1, pattern


def test_pages_of_keys_show_each_once(client: Connection, name: str) -> None:
    keys = [b"%s/%03d" % (name.encode(), i) for i in range(37)]
    fill(client, keys)
    for size in (1, 2, 10, 36, 37, 38, 1000):
        found = [
            key for page in pages(lambda *more: list(listed(client, "PREFIX", name + "/", *more)), size) for key in page
        ]
        assert found == keys, size


def test_a_page_goes_on_after_a_key_that_is_gone(client: Connection, name: str) -> None:
    keys = [b"%s/%03d" % (name.encode(), i) for i in range(10)]
    fill(client, keys)
    assert list(listed(client, "PREFIX", name + "/", "COUNT", 4)) == keys[:4]
    assert client.call("KEYS", "REMOVE", keys[3], keys[5]) == 2
    rest = [keys[4], *keys[6:]]
    assert list(listed(client, "PREFIX", name + "/", "AFTER", keys[3])) == rest
    assert list(listed(client, "COUNT", 1, "AFTER", keys[3] + b"\x00", "PREFIX", name + "/")) == rest[:1]
    assert list(listed(client, "PREFIX", name + "/", "AFTER", b"\x00")) == [*keys[:3], *rest], "before the prefix"
    assert listed(client, "PREFIX", name + "/", "AFTER", b"\xff" * 8) == {}, "behind it"


def test_pages_see_what_is_there_throughout_while_other_keys_come_and_go(
    client: Connection, other: Connection, name: str
) -> None:
    source = random.Random(seed())
    staying = [b"%s/%04d" % (name.encode(), i) for i in range(0, 200, 2)]
    coming = [b"%s/%04d" % (name.encode(), i) for i in range(1, 200, 2)]
    load(client, [Entry(key, b"") for key in staying])
    found: list[bytes] = []
    for page in pages(lambda *more: list(listed(client, "PREFIX", name + "/", *more)), 9):
        found += page
        for key in source.sample(coming, 10):
            if not other.call("DELETE", key):
                other.call("PUT", key, "")
    assert len(set(found)) == len(found), "a key was shown twice"
    assert set(staying) <= set(found), "a key was missed"
    hashes = {key: tracker(client, key)[0] for key in staying}  # type: ignore[index]
    found = []
    for page in pages(partial(ranged, client, 0, 0), 9):
        found += page
        for key in source.sample(coming, 5):
            if not other.call("DELETE", key):
                other.call("PUT", key, "")
    assert len(set(found)) == len(found), "a key was shown twice"
    assert [key for key in found if key in hashes] == sorted(staying, key=lambda key: (hashes[key], key))
