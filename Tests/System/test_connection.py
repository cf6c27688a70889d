"""Connection commands (section 5) and typing by hand: inline commands, redis-cli, socat."""

import re
import subprocess
from typing import Any

import pytest

from harness.daemon import Daemon
from harness.resp import OK, Connection, ReplyError, Simple, encode, pairs

NOW_IN_SCOPE = [
    "acquire", "renew", "release", "check", "holder", "leases", "revoke", "token", "ping", "echo", "hello", "client",
    "select", "info", "command", "reset", "quit",
]  # fmt: skip


def test_hello_tells_server_and_protocol(shared: Daemon) -> None:
    with shared.connect() as client:
        first = client.call("HELLO")
        assert isinstance(first, list), "a connection begins in RESP2"
        assert pairs(first)["proto"] == 2
        third = client.call("HELLO", "3")
        assert isinstance(third, dict)
        told = pairs(third)
        assert told["proto"] == 3
        assert isinstance(told["server"], bytes)
        assert isinstance(told["version"], bytes)
        assert isinstance(client.call("HELLO"), dict), "HELLO without a version keeps the protocol"
        assert isinstance(client.call("HELLO", "2"), list)


def test_hello_refuses_versions_that_do_not_exist(client: Connection, protocol: int) -> None:
    for version in ("1", "4", "0", "99"):
        assert client.error("HELLO", version) == "NOPROTO"
    assert client.error("HELLO", "three") in {"ERR", "NOPROTO"}
    assert isinstance(client.call("HELLO"), dict if protocol == 3 else list), "the protocol stays as it was"


def test_hello_may_name_the_connection(client: Connection, protocol: int) -> None:
    client.call("HELLO", protocol, "SETNAME", "worker-7")
    assert client.call("CLIENT", "GETNAME") == b"worker-7"


def test_client_subcommands(client: Connection, other: Connection) -> None:
    assert client.call("CLIENT", "GETNAME") in (None, b"")
    assert client.call("CLIENT", "SETNAME", "me") == OK
    assert client.call("CLIENT", "GETNAME") == b"me"
    assert client.call("CLIENT", "SETINFO", "LIB-NAME", "tests") == OK
    assert client.call("CLIENT", "SETINFO", "lib-ver", "1.0") == OK
    ours, theirs = client.call("CLIENT", "ID"), other.call("CLIENT", "ID")
    assert type(ours) is int
    assert ours != theirs
    listed = client.call("CLIENT", "LIST")
    assert isinstance(listed, bytes)
    lines = listed.decode().splitlines()
    mine = next(line for line in lines if re.search(rf"\bid={ours}\b", line))
    assert "name=me" in mine
    assert any(re.search(rf"\bid={theirs}\b", line) for line in lines)


def test_info_has_sections(client: Connection) -> None:
    text = client.call("INFO")
    assert isinstance(text, bytes)
    sections = re.findall(rb"^# (\S+)\r?$", text, re.MULTILINE)
    assert sections
    assert re.search(rb"^[a-z_0-9]+:.*$", text, re.MULTILINE)
    one = client.call("INFO", sections[0].lower())
    assert re.findall(rb"^# (\S+)\r?$", one, re.MULTILINE) == [sections[0]]


def test_command_is_true_to_the_table(client: Connection) -> None:
    table: list[list[Any]] = client.call("COMMAND")
    listed = [entry[0].decode().lower() for entry in table]
    assert set(NOW_IN_SCOPE) <= set(listed)
    assert len(listed) == len(set(listed))
    assert client.call("COMMAND", "COUNT") == len(table)
    for entry in table:
        arity = entry[1]
        assert type(arity) is int
        assert arity != 0
        if abs(arity) > 1:
            assert client.error(entry[0]) == "ERR", f"{entry[0]!r} alone has too few arguments"
    assert client.call("COMMAND", "INFO", "acquire", "nosuch")[1] is None
    assert client.call("COMMAND", "INFO", "ACQUIRE")[0] == table[listed.index("acquire")]


def test_command_arities(client: Connection) -> None:
    table = {entry[0].decode().lower(): entry[1] for entry in client.call("COMMAND")}
    expected = {
        "acquire": -3,
        "renew": -4,
        "release": 3,
        "check": 3,
        "holder": 2,
        "leases": -1,
        "revoke": -2,
        "token": 1,
    }
    assert {name: table[name] for name in expected} == expected


def test_command_docs_name_each_command(client: Connection) -> None:
    docs = pairs(client.call("COMMAND", "DOCS"))
    assert set(NOW_IN_SCOPE) <= {name.lower() for name in docs}
    one = pairs(client.call("COMMAND", "DOCS", "ACQUIRE"))
    assert [name.lower() for name in one] == ["acquire"]
    assert "summary" in pairs(one["acquire"])


def test_reset_returns_to_resp2(shared: Daemon, name: str) -> None:
    with shared.connect(3) as client:
        token = client.call("ACQUIRE", name, "30s")
        assert client.call("RESET") == Simple("RESET")
        assert isinstance(client.call("HOLDER", name), list)
        assert client.call("CHECK", name, token) > 0, "leases stay"


def test_quit_answers_and_closes(shared: Daemon, protocol: int) -> None:
    with shared.connect(protocol) as client:
        # At once: a command sent after an answered QUIT reaches nobody.
        client.send_raw(encode("PING") + encode("QUIT") + encode("PING"))
        assert client.receive() == Simple("PONG")
        assert client.receive() == OK
        assert client.at_end()


# Inline commands


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_line_is_a_command(client: Connection, name: str, end: bytes) -> None:
    client.send_raw(f"ACQUIRE  {name}\t30s OWNER 'by hand'".encode() + end)
    assert type(client.receive()) is int
    held = client.holder(name)
    assert held is not None
    assert held["owner"] == b"by hand"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (rb'ECHO "a b"', b"a b"),
        (rb'ECHO "\x00\xff\n\r\t\"\\"', b'\x00\xff\n\r\t"\\'),
        (rb"ECHO 'it\'s \n'", rb"it's \n"),
        (rb'ECHO ""', b""),
        (rb"ECHO ''", b""),
        (b"ECHO \xc3\xbc", "ü".encode()),
        (b"   ECHO   x   ", b"x"),
    ],
)
def test_quoting_in_a_line(client: Connection, line: bytes, value: bytes) -> None:
    client.send_raw(line + b"\r\n")
    assert client.receive() == value


def test_empty_lines_and_empty_arrays_are_ignored(client: Connection) -> None:
    client.send_raw(b"\r\n\r\n*0\r\n*-1\r\n   \r\n\nPING\r\n*0\r\n")
    assert client.receive() == Simple("PONG")
    assert client.call("ECHO", "next") == b"next"


def test_lines_and_arrays_may_be_mixed(client: Connection) -> None:
    client.send_raw(b"ECHO 1\r\n*2\r\n$4\r\nECHO\r\n$1\r\n2\r\nECHO 3\n")
    assert [client.receive() for _ in range(3)] == [b"1", b"2", b"3"]


def test_socat_is_a_client(shared: Daemon, name: str) -> None:
    typed = f"ACQUIRE {name} 30s\nHOLDER {name}\nQUIT\n"
    shown = subprocess.run(
        ["socat", "-t5", "-", f"UNIX-CONNECT:{shared.socket}"],
        input=typed.encode(),
        stdout=subprocess.PIPE,
        timeout=10,
        check=True,
    )
    assert re.match(rb":\d+\r\n\*\d+\r\n\$4\r\nname\r\n", shown.stdout), shown.stdout
    assert shown.stdout.endswith(b"+OK\r\n")


# redis-cli


def redis_cli(shared: Daemon, *arguments: str) -> str:
    shown = subprocess.run(
        ["redis-cli", "-s", str(shared.socket), *arguments],
        capture_output=True,
        timeout=10,
        text=True,
    )
    return (shown.stdout + shown.stderr).rstrip("\n")


@pytest.mark.parametrize("flags", [[], ["-3"]], ids=["resp2", "resp3"])
def test_redis_cli_is_a_client(shared: Daemon, name: str, flags: list[str]) -> None:
    def ask(*words: str) -> str:
        return redis_cli(shared, *flags, *words)

    token = ask("ACQUIRE", name, "30s", "OWNER", "redis-cli")
    assert token.isdigit()
    assert ask("ACQUIRE", name, "30s").startswith("CONFLICT ")
    renewed = ask("RENEW", name, token, "30s")
    assert int(renewed) > int(token)
    assert 0 < int(ask("CHECK", name, token)) <= 30_000
    assert "redis-cli" in ask("HOLDER", name)
    assert name in ask("LEASES", "PREFIX", name, "COUNT", "10")
    assert ask("RELEASE", name, renewed) == "OK"
    assert ask("HOLDER", name) == ""
    assert ask("REVOKE", name) == "0"
    assert ask("TOKEN").isdigit()
    assert ask("PING") == "PONG"
    assert ask("ECHO", "x") == "x"
    assert ask("COMMAND", "COUNT").isdigit()
    assert "acquire" in ask("COMMAND", "INFO", "acquire").lower()
    assert ask("NOSUCH").startswith("ERR ")
    assert "# " in ask("INFO")


def test_redis_cli_pipes_commands(shared: Daemon, name: str) -> None:
    typed = "".join(f'ACQUIRE "{name} {i}" 30s\n' for i in range(50))
    shown = subprocess.run(
        ["redis-cli", "-s", str(shared.socket)], input=typed, stdout=subprocess.PIPE, timeout=20, text=True, check=True
    )
    tokens = [int(line) for line in shown.stdout.split()]
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 50


def test_an_error_is_a_word_and_a_sentence(client: Connection, name: str) -> None:
    with pytest.raises(ReplyError) as refusal:
        client.call("ACQUIRE", name, "30")
    assert refusal.value.word == "ERR"
    assert "30" in refusal.value.message, "the message names the value"
