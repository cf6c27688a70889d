"""Bad input gets the error words of the contract, changes nothing, and keeps the connection open."""

import pytest

from harness.resp import OK, Connection, Simple

DAY_MS = 86_400_000

NOT_DURATIONS = [
    "30",
    "0",
    "",
    "s",
    "1x",
    "1.5s",
    "1 s",
    "1s ",
    "1m30",
    "s1",
    "1ss",
    "ten",
    "1e3s",
    "0x1s",
    "1s,",
    "∞",
    "1,5s",
]
#: `s ms h d m`, including the bounds.
TTLS = {
    "1s": 1_000, "1000ms": 1_000, "1500ms": 1_500, "1m30s": 90_000, "1h": 3_600_000, "1d": DAY_MS, "366d": 366 * DAY_MS,
    "1d2h3m4s5ms": 93_784_005, "0m1s": 1_000, "31622400000ms": 366 * DAY_MS,
}  # fmt: skip
OUTSIDE_TTLS = [
    "999ms", "0s", "0ms", "1ms", "366d1ms", "367d", "31622400001ms", "9223372036854775807ms", "9223372036854775808ms",
    "18446744073709551616ms", "99999999999999999999999999d", "106751991168d",
    "9223372036854775807s9223372036854775807ms",
]  # fmt: skip


@pytest.mark.parametrize("duration", NOT_DURATIONS)
def test_what_is_no_duration_is_refused(client: Connection, name: str, duration: str) -> None:
    assert client.error("ACQUIRE", name, duration) == "ERR"
    token = client.call("ACQUIRE", name, "30s")
    assert client.error("RENEW", name, token, duration) == "ERR"
    assert client.error("REVOKE", name, "AFTER", duration) == "ERR"
    held = client.holder(name)
    assert held is not None
    assert (held["token"], held["state"]) == (token, b"held"), "nothing was changed"


def test_a_negative_duration_is_refused(client: Connection, name: str) -> None:
    assert client.error("ACQUIRE", name, "-1s") in {"ERR", "BADTTL"}
    assert client.call("HOLDER", name) is None


@pytest.mark.parametrize(("text", "milliseconds"), TTLS.items())
def test_durations_inside_the_bounds_are_kept_to_the_millisecond(
    client: Connection, name: str, text: str, milliseconds: int
) -> None:
    token = client.call("ACQUIRE", name, text)
    held = client.holder(name)
    assert held is not None
    assert held["ttl_ms"] == milliseconds
    assert client.call("CHECK", name, token) <= milliseconds
    assert client.call("REVOKE", name) == 1


@pytest.mark.parametrize("text", OUTSIDE_TTLS)
def test_ttls_outside_the_bounds_are_refused_and_never_clamped(client: Connection, name: str, text: str) -> None:
    assert client.error("ACQUIRE", name, text) == "BADTTL"
    assert client.call("HOLDER", name) is None
    token = client.call("ACQUIRE", name, "30s")
    assert client.error("RENEW", name, token, text) == "BADTTL"
    assert client.call("CHECK", name, token) <= 30_000
    assert client.call("RELEASE", name, token) == OK, "the token was not replaced"


def test_name_lengths(client: Connection, name: str) -> None:
    longest = name.encode().ljust(1024, b"x")
    for verb, tail in (
        ("ACQUIRE", ["30s"]),
        ("HOLDER", []),
        ("REVOKE", []),
        ("CHECK", [1]),
        ("RELEASE", [1]),
        ("RENEW", [1, "30s"]),
    ):
        assert client.error(verb, "", *tail) == "ERR", f"{verb} of an empty name"
        assert client.error(verb, longest + b"x", *tail) == "TOOBIG", f"{verb} of 1025 bytes"
    assert client.call("ACQUIRE", longest, "30s") > 0


@pytest.mark.parametrize(
    "token", ["0", "-1", "", "abc", "1.0", "0x10", " 1", "1 ", str(2**63), str(2**64 + 1), "9" * 40, "１"]
)
def test_what_is_no_token_is_refused(client: Connection, name: str, token: str) -> None:
    client.call("ACQUIRE", name, "30s")
    for command in (["CHECK", name, token], ["RELEASE", name, token], ["RENEW", name, token, "30s"]):
        assert client.error(*command) == "ERR", command


def test_the_greatest_token_is_a_token_and_the_next_is_not(client: Connection, name: str) -> None:
    client.call("ACQUIRE", name, "30s")
    assert client.error("CHECK", name, 2**53 - 1) == "EXPIRED"
    assert client.error("CHECK", name, 2**53) == "ERR"


@pytest.mark.parametrize("token", ["+1", "01"])
def test_odd_spellings_of_a_token_never_work(client: Connection, name: str, token: str) -> None:
    client.call("ACQUIRE", name, "30s")
    assert client.error("CHECK", name, token) in {"ERR", "EXPIRED"}


def test_request_ids_have_16_to_128_bytes(client: Connection, name: str) -> None:
    assert client.error("ACQUIRE", name, "30s", "REQUEST", "r" * 15) == "ERR"
    assert client.error("ACQUIRE", name, "30s", "REQUEST", "") == "ERR"
    assert client.error("ACQUIRE", name, "30s", "REQUEST", "r" * 129) == "TOOBIG"
    assert client.call("HOLDER", name) is None
    token = client.call("ACQUIRE", name, "30s", "REQUEST", "r" * 16)
    assert client.error("RENEW", name, token, "30s", "REQUEST", "r" * 15) == "ERR"
    assert client.error("RENEW", name, token, "30s", "REQUEST", "r" * 129) == "TOOBIG"
    renewed = client.call("RENEW", name, token, "30s", "REQUEST", b"\x00\xff" * 64)
    assert client.call("RELEASE", name, renewed) == OK


@pytest.mark.parametrize(
    "label", [b"a\nb", b"a\tb", b"\x00", b"a\x1fb", b"\x7f", b"\xc2\x85", b"\xff", b"\xc3", b"\xed\xa0\x80"]
)
def test_labels_are_utf8_without_control_characters(client: Connection, name: str, label: bytes) -> None:
    assert client.error("ACQUIRE", name, "30s", "OWNER", label) == "ERR"
    assert client.call("HOLDER", name) is None
    client.call("ACQUIRE", name, "30s")
    assert client.error("REVOKE", name, "REASON", label) == "ERR"
    assert client.call("HOLDER", name) is not None


@pytest.mark.parametrize("label", ["a\u2028b", "a\u2029b", "a\u202eb", "a\u200bb"])
def test_labels_hold_what_is_no_control_character(client: Connection, name: str, label: str) -> None:
    client.call("ACQUIRE", name, "30s", "OWNER", label)
    held = client.holder(name)
    assert held is not None
    assert held["owner"] == label.encode()


def test_labels_have_at_most_256_bytes(client: Connection, name: str) -> None:
    assert client.error("ACQUIRE", name, "30s", "OWNER", "o" * 257) == "TOOBIG"
    assert client.error("ACQUIRE", name, "30s", "OWNER", "ü" * 129) == "TOOBIG", "bytes are counted, not characters"
    client.call("ACQUIRE", name, "30s", "OWNER", "ü" * 128)
    held = client.holder(name)
    assert held is not None
    assert held["owner"] == ("ü" * 128).encode()
    assert client.error("REVOKE", name, "REASON", "r" * 257) == "TOOBIG"
    assert client.call("REVOKE", name, "REASON", "r" * 256) == 1


@pytest.mark.parametrize(
    "command",
    [
        "NOSUCH", "", "ACQUIRE", "ACQUIRE x", "ACQUIRE x 30s OWNER", "ACQUIRE x 30s REQUEST", "ACQUIRE x 30s NONSENSE",
        "ACQUIRE x 30s OWNER a b", "RENEW", "RENEW x", "RENEW x 1", "RENEW x 1 30s OWNER a", "RENEW x 1 30s REQUEST",
        "RELEASE", "RELEASE x", "RELEASE x 1 2", "CHECK", "CHECK x", "CHECK x 1 2", "HOLDER", "HOLDER x y", "REVOKE",
        "REVOKE x AFTER", "REVOKE x REASON", "REVOKE x NOW", "TOKEN x", "LEASES x", "LEASES PREFIX", "LEASES AFTER",
        "LEASES COUNT", "LEASES COUNT x", "LEASES COUNT -1", "LEASES COUNT 1.5", "PING a b", "ECHO", "ECHO a b",
        "SELECT", "SELECT 1", "SELECT x", "CLIENT", "CLIENT NOSUCH", "CLIENT SETNAME", "COMMAND NOSUCH",
        "HELLO 3 SETNAME", "HELLO 3 NONSENSE", "QUIT_NOT",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_err(client: Connection, command: str) -> None:
    assert client.error(*(command.split(" ") if command else [""])) == "ERR"
    assert client.call("PING") == Simple("PONG"), "the connection lives on"


def test_a_value_over_its_limit_is_toobig_and_the_connection_lives(client: Connection) -> None:
    assert client.error("ACQUIRE", b"x" * (2 << 20), "30s") == "TOOBIG"
    assert client.error("HOLDER", b"x" * (7 << 20)) == "TOOBIG"
    assert client.call("PING") == Simple("PONG")


def test_error_messages_are_one_line(client: Connection, name: str) -> None:
    for command in (
        ["NOSUCH\r\n+OK\r\n"],
        ["ACQUIRE", name, "1\r\n-ERR"],
        ["CLIENT", "a\r\nb"],
        ["ACQUIRE", name, "30s", "x\r\ny"],
    ):
        assert client.error(*command) == "ERR"
        assert client.call("PING") == Simple("PONG"), "nothing of the caller's bytes became a reply of its own"
