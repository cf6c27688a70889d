"""`LEASES`: order, prefixes, pages."""

import random

from harness.resp import Connection


def names(entries: list[dict[str, object]]) -> list[object]:
    return [entry["name"] for entry in entries]


def fill(client: Connection, prefix: str, count: int, seed: int = 1) -> list[bytes]:
    """Acquires leases in random order; returns their names in byte order."""
    made = [f"{prefix}/{i:04}".encode() for i in range(count)]
    shuffled = made.copy()
    random.Random(seed).shuffle(shuffled)
    for name in shuffled:
        client.call("ACQUIRE", name, "1h")
    return made


def test_leases_are_holder_maps_in_byte_order(client: Connection, protocol: int, name: str) -> None:
    tails = [b"", b"\x00", b"A", b"a", b"b", b"\x7f", b"\x80", "ü".encode(), b"\xff", b"\xff\xff"]
    for tail in reversed(tails):
        client.call("ACQUIRE", name.encode() + b"!" + tail, "1h")
    entries = client.call("LEASES", "PREFIX", name + "!")
    assert all(isinstance(entry, dict if protocol == 3 else list) for entry in entries)
    assert names(client.leases("PREFIX", name + "!")) == [name.encode() + b"!" + tail for tail in tails]
    one = client.leases("PREFIX", name + "!b")[0]
    held = client.holder(name + "!b")
    assert held is not None
    for mapping in (one, held):
        del mapping["remaining_ms"]
    assert one == held
    assert list(one) == list(held)


def test_no_leases_is_an_empty_array(client: Connection, name: str) -> None:
    assert client.call("LEASES", "PREFIX", name) == []
    assert client.call("LEASES", "PREFIX", name, "AFTER", "a", "COUNT", 10) == []


def test_prefixes_are_bytes(client: Connection, name: str) -> None:
    # Such a prefix has no upper bound of the same length: an increment that overflows would find nothing, or
    # everything.
    high = b"\xff\xff" + name.encode()
    client.call("ACQUIRE", high, "1h")
    client.call("ACQUIRE", b"\xff\xfe" + name.encode(), "1h")
    assert high in names(client.leases("PREFIX", b"\xff\xff"))
    assert b"\xff\xfe" + name.encode() not in names(client.leases("PREFIX", b"\xff\xff"))
    both = names(client.leases("PREFIX", b"\xff"))
    assert both == sorted(both)  # type: ignore[type-var]
    assert {high, b"\xff\xfe" + name.encode()} <= set(both)
    assert high in names(client.leases("PREFIX", b""))


def test_a_prefix_is_not_a_pattern(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name + "-plain", "1h")
    client.call("ACQUIRE", name + "-*", "1h")
    assert names(client.leases("PREFIX", name + "-*")) == [f"{name}-*".encode()]


def test_pages_show_each_lease_once(client: Connection, name: str) -> None:
    made = fill(client, name, 57)
    for size in (1, 2, 10, 56, 57, 58, 1000):
        seen: list[object] = []
        after: list[object] = []
        while page := client.leases("PREFIX", name + "/", *after, "COUNT", size):  # type: ignore[arg-type]
            assert len(page) <= size
            seen += names(page)
            after = ["AFTER", seen[-1]]
        assert seen == made


def test_a_page_goes_on_after_a_name_that_is_gone(client: Connection, name: str) -> None:
    made = fill(client, name, 10)
    page = names(client.leases("PREFIX", name + "/", "COUNT", 4))
    assert page == made[:4]
    assert client.call("REVOKE", made[3]) == 1
    assert client.call("REVOKE", made[5]) == 1
    assert names(client.leases("PREFIX", name + "/", "AFTER", made[3], "COUNT", 4)) == [made[4], *made[6:9]]
    never = made[3] + b"\x00"
    assert names(client.leases("PREFIX", name + "/", "AFTER", never, "COUNT", 1)) == [made[4]]


def test_options_come_in_any_order(client: Connection, name: str) -> None:
    made = fill(client, name, 5)
    expected = made[2:4]
    assert names(client.leases("COUNT", 2, "PREFIX", name + "/", "AFTER", made[1])) == expected
    assert names(client.leases("AFTER", made[1], "COUNT", 2, "PREFIX", name + "/")) == expected


def test_after_beyond_or_before_the_prefix(client: Connection, name: str) -> None:
    made = fill(client, name, 3)
    assert names(client.leases("PREFIX", name + "/", "AFTER", b"\x00")) == made
    assert names(client.leases("PREFIX", name + "/", "AFTER", b"")) == made, "a loop over pages can begin with no bytes"
    assert client.leases("PREFIX", name + "/", "AFTER", b"\xff" * 8) == []
