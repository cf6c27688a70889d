"""docs/THREAT_MODEL.md is true: each claim names tests that exist. Attacks that no other test makes are made here.

The attackers are real: other users, other groups, processes that were handed a connection, links and locks in a folder
that everybody can write to.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.clock import eventually
from harness.ctl import Ctl
from harness.daemon import Daemon, assert_refused
from harness.resp import OK, Argument, ClosedError, Connection, Reply, ReplyError, Simple, encode
from harness.users import STRANGER, ConnectionAs, admit_everyone
from harness.waiting import await_waiters, waiters

PAGE = binaries.REPOSITORY / "docs" / "THREAT_MODEL.md"
TESTS = binaries.REPOSITORY / "Tests"
UNITS = binaries.REPOSITORY / "systemd" / "system"
MEBIBYTE = 1 << 20

#: Two users who are neither root nor the daemon.
ANOTHER = 65533
#: A group without members, and enough groups to need more than one query to the kernel.
GROUP = 54321
MANY_GROUPS = [*range(60_000, 60_300), GROUP]


# The page


@cache
def claims() -> dict[int, tuple[str, list[str]]]:
    """The rows of the page's tables of claims: number, claim, the tests that it names."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    found = {}
    for number, row in rows:
        claim, *_, tests = re.split(r" \| ", row)
        found[int(number)] = (claim, re.findall(r"`([^`]+)`", tests))
    assert len(found) == len(rows), "a number stands there twice"
    return found


@cache
def named_tests(path: Path) -> set[str]:
    """The functions of a file that are tests."""
    text = path.read_text()
    if path.suffix == ".py":
        return set(re.findall(r"^def (test_\w+)\(", text, re.MULTILINE))
    # `@Test`, perhaps with arguments over several lines, and then the function.
    return set(re.findall(r"@Test\b(?:(?!@Test\b|\bfunc\b)[\s\S])*\bfunc (\w+)\(", text))


def test_claims_are_numbered_without_a_gap() -> None:
    assert list(claims()) == list(range(1, len(claims()) + 1))
    assert len(claims()) > 30


def test_each_claim_names_tests_that_exist() -> None:
    wrong = [f"claim {number} names no test" for number, (_, tests) in claims().items() if not tests]
    named = {test for _, tests in claims().values() for test in tests}
    # Tests that the text names, too.
    named |= set(re.findall(r"`([^`\s]+::\w+)`", PAGE.read_text()))
    for test in sorted(named):
        name, _, function = test.partition("::")
        path = (TESTS / "System" if name.endswith(".py") else TESTS) / name
        if not path.is_file():
            wrong.append(f"there is no file {name}")
        elif function not in named_tests(path):
            wrong.append(f"there is no test {function} in {name}")
    assert not wrong, "\n".join(wrong)


def test_each_part_that_the_design_names_exists() -> None:
    """Types and functions in the Swift sources, as the pages about the daemon's inside write them."""
    folder = binaries.REPOSITORY / "Sources"
    sources = "\n".join(path.read_text() for path in folder.rglob("*.swift"))
    definition = r"\b(?:struct|class|actor|enum|protocol|typealias|func|var|let|case) (\w+)"
    folders = {path.name for path in [*folder.iterdir(), *binaries.REPOSITORY.iterdir()]}
    defined = folders | set(re.findall(definition, sources))
    for page in ["ARCHITECTURE.md", "THREAT_MODEL.md"]:
        text = (PAGE.parent / page).read_text()
        named = re.findall(r"`([A-Z][a-z]+(?:[A-Z]\w*)?)(?:\.([a-z]\w+))?(?:\([\w:]*\))?`", text)
        unknown = {".".join(filter(None, name)) for name in named if not set(filter(None, name)) <= defined}
        assert not unknown, page


def test_claims_and_limits_that_the_text_names_exist() -> None:
    text = PAGE.read_text()
    assert {int(number) for number in re.findall(r"\bclaims? (\d+)", text)} <= set(claims())
    limits = re.findall(r"^- ([a-z])\. ", text, re.MULTILINE)
    assert limits == [chr(ord("a") + place) for place in range(len(limits))]
    assert set(re.findall(r"\blimit ([a-z])\b", text)) <= set(limits)


def test_settings_and_links_of_the_page_exist() -> None:
    text = PAGE.read_text()
    configuration = (binaries.REPOSITORY / "systemd" / "leased.yaml").read_text()
    for setting in re.findall(r"`(?:limits\.)?([a-z]+(?:-[a-z]+)+)`", text):
        assert re.search(rf"^ *{setting}:", configuration, re.MULTILINE), setting
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (PAGE.parent / link).exists(), link


# Helpers


def configured(make_daemon: MakeDaemon, folder: Path, text: str, **details: object) -> Daemon:
    """A running daemon with this configuration, which every user can reach."""
    (folder / "leased.yaml").write_text(text)
    daemon = make_daemon(arguments=["--config", str(folder / "leased.yaml")], **details).start()
    admit_everyone(daemon.socket)
    return daemon


def open_folders(path: Path) -> None:
    """Lets every user reach this socket's folder, but leaves the socket as it is."""
    mode = stat.S_IMODE(path.stat().st_mode)
    admit_everyone(path)
    path.chmod(mode)


def user(uid: int = STRANGER, groups: list[int] | None = None) -> list[str]:
    """The words that run a command as a user, with these supplementary groups."""
    member = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), *member]


@contextmanager
def strangers(daemon: Daemon) -> Iterator[tuple[Connection, Connection]]:
    with ExitStack() as stack:
        path = str(daemon.socket)
        yield stack.enter_context(ConnectionAs(path)), stack.enter_context(ConnectionAs(path, ANOTHER))


def answer(connection: Connection, *words: Argument) -> Reply:
    """The reply to a command; an error is one, too."""
    connection.send(*words)
    return connection.receive()


def lasting(judge: Connection, name: str) -> dict[str, Reply]:
    """A tenure's status without the remaining time."""
    held = judge.holder(name)
    assert held is not None, "the tenure has ended"
    return {key: value for key, value in held.items() if key != "remaining_ms"}


# Who gets in


@pytest.mark.root
def test_the_sockets_group_may_connect_and_nobody_else(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "leased.yaml").write_text(f"socket-group: '{GROUP}'\n")
    daemon = make_daemon(arguments=["--config", str(tmp_path / "leased.yaml")]).start()
    status = daemon.socket.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, GROUP)
    open_folders(daemon.socket)
    member, outsider = (Ctl(daemon, wrapper=user(groups=groups)) for groups in ([GROUP], [GROUP + 1]))
    assert member("ping").returncode == 0
    refused = outsider("acquire", "mine", "1h")
    assert refused.returncode == 77
    assert "Permission denied" in refused.stderr
    assert "is free" in member.answer("status", "mine")


@pytest.mark.root
def test_nobody_is_let_in_before_the_socket_has_its_group_and_mode(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    (tmp_path / "leased.yaml").write_text(f"socket-group: '{GROUP}'\n")
    trace = tmp_path / "trace"
    calls = "bind,listen,?chmod,?fchmod,?fchmodat,?fchmodat2,?chown,?lchown,?fchown,?fchownat"
    daemon = make_daemon(
        prefix=["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={calls}"],
        arguments=["--config", str(tmp_path / "leased.yaml")],
    ).start()
    daemon.stop()
    lines = trace.read_text().splitlines()
    bound = next(number for number, line in enumerate(lines) if "bind(" in line and f'"{daemon.socket}"' in line)
    # Through a descriptor that refers to the socket; those of the store's files have other forms.
    changed = [number for number, line in enumerate(lines) if "AT_EMPTY_PATH" in line or "/proc/self/fd" in line]
    assert any("chown" in lines[number] for number in changed), lines
    listens = [number for number, line in enumerate(lines) if "listen(" in line]
    assert bound < min(changed), lines
    assert max(changed) < min(listens), lines


@pytest.mark.root
def test_a_passed_connection_stays_that_of_its_maker(shared: Daemon, other: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    token = other.call("ACQUIRE", name, "1h")
    # This process is root, and uses a connection that a stranger made.
    with ConnectionAs(str(shared.socket)) as passed:
        assert passed.error("REVOKE", name) == "DENIED"
        assert passed.error("RELEASE", name, token) == "DENIED"
        passed.call("ACQUIRE", name + "-theirs", "1h")
        held = other.holder(name + "-theirs")
        assert held is not None
        assert (held["uid"], held["gid"]) == (STRANGER, STRANGER)


@pytest.mark.root
def test_root_of_a_user_namespace_is_no_administrator(shared: Daemon, other: Connection, name: str) -> None:
    admit_everyone(shared.socket)
    as_root_inside = [*user(), "unshare", "--user", "--map-root-user"]
    if subprocess.run([*as_root_inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("users may make no user namespaces here")
    other.call("ACQUIRE", name, "1h")
    inside = Ctl(shared, wrapper=as_root_inside)
    assert inside("revoke", name).returncode == 77
    inside.answer("acquire", name + "-theirs", "1h")
    held = other.holder(name + "-theirs")
    assert held is not None
    assert held["uid"] == STRANGER


@pytest.mark.root
def test_each_supplementary_group_counts(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    rules = f"access: [deny group {GROUP} acquire on team/]\nadministrators: {{groups: [{GROUP + 1}]}}\n"
    daemon = configured(make_daemon, tmp_path, rules)
    denied = Ctl(daemon, wrapper=user(groups=MANY_GROUPS))("acquire", "team/a", "1h")
    assert (denied.returncode, denied.stdout) == (77, "")
    assert "access rule 1" in denied.stderr
    Ctl(daemon, wrapper=user(groups=MANY_GROUPS[:-1])).answer("acquire", "team/a", "1h")
    # Another user ends it: allowed only because of the last of its groups.
    assert Ctl(daemon, wrapper=user(ANOTHER, MANY_GROUPS))("revoke", "team/a").returncode == 77
    Ctl(daemon, wrapper=user(ANOTHER, [*MANY_GROUPS, GROUP + 1])).answer("revoke", "team/a")


# What users can do to each other


@pytest.mark.root
@pytest.mark.parametrize("attachment", ["by time", "bound", "tied"])
def test_no_command_of_another_user_touches_a_tenure(daemon: Daemon, name: str, attachment: str) -> None:
    admit_everyone(daemon.socket)
    identifier, rest = "0123456789abcdef", ["FENCE", 1, "TTL", 1000, "UID", ANOTHER, "OWNER", "thief"]
    with ExitStack() as stack, strangers(daemon) as (holder, thief):
        judge = stack.enter_context(daemon.connect())
        binding = ["BIND"] if attachment == "bound" else []
        token = holder.call("ACQUIRE", name, "1h", "REQUEST", identifier, *binding)
        if attachment == "tied":
            tie = stack.enter_context(ConnectionAs(str(daemon.socket)))
            assert tie.call("TIE", name, token) == OK
        waiter = stack.enter_context(daemon.connect())
        waiter.send("ACQUIRE", name, "1h", "WAIT", "FOREVER", "REQUEST", identifier)
        await_waiters(judge, name, 1)
        before = lasting(judge, name)
        for words, word in [
            (["ACQUIRE", name, "1h", "REQUEST", identifier], "CONFLICT"),
            (["ACQUIRE", name, "1h", "REQUEST", identifier, "BIND"], "CONFLICT"),
            (["RENEW", name, token, "1h", "REQUEST", identifier], "DENIED"),
            (["RENEW", name, token, "1h", "BIND"], "DENIED"),
            (["RENEW", name, token, "1h", "UNBIND"], "DENIED"),
            (["RENEW", name, token, "1s"], "DENIED"),
            (["TIE", name, token], "DENIED"),
            (["RELEASE", name, token], "DENIED"),
            (["REVOKE", name], "DENIED"),
            (["REVOKE", name, "AFTER", "366d", "REASON", "r"], "DENIED"),
            (["KEYS", "REMOVE", name + "-free", name], "DENIED"),
            (["IMPORT", "KEY", name, "LEASE", token, 1], "DENIED"),
            (["IMPORT", "KEY", name, "SIMPLE", "v", "LEASE", token, 9_999_999_999_999, *rest], "DENIED"),
            (["DELETE", name], None),
            (["PREFIX", "REMOVE", name, "child"], None),
            (["RESET"], None),
        ]:
            reply = answer(thief, *words)
            assert (reply.word if isinstance(reply, ReplyError) else None) == word, (words, reply)
        assert lasting(judge, name) == before
        assert judge.call("GET", name) is None, "what was refused was not half done"
        # The thief disconnects, without any effect.
        thief.close()
        assert judge.call("CHECK", name, token) > 0
        assert waiters(judge, name) == 1
        assert holder.call("RELEASE", name, token) == OK
        assert waiter.receive() > token


@pytest.mark.root
def test_a_holder_cannot_postpone_an_administrators_revocation(daemon: Daemon, name: str) -> None:
    admit_everyone(daemon.socket)
    with daemon.connect() as root, ConnectionAs(str(daemon.socket)) as holder:
        holder.call("ACQUIRE", name, "2h")
        assert holder.call("REVOKE", name, "AFTER", "2h") == 1
        assert holder.call("REVOKE", name, "AFTER", "3h") == 1, "its own it may"
        assert root.call("REVOKE", name, "AFTER", "1m") == 1
        for after in ("50s", "1h"):
            answer(holder, "REVOKE", name, "AFTER", after)
        assert holder.error("REVOKE", name, "AFTER", "1h") == "DENIED"
        held = root.holder(name)
        assert held is not None
        assert held["remaining_ms"] <= 50_000
        assert root.call("REVOKE", name, "AFTER", "1h") == 1


@pytest.mark.root
def test_what_members_can_do_to_each_other_by_design(daemon: Daemon, name: str) -> None:
    admit_everyone(daemon.socket)
    with strangers(daemon) as (holder, other):
        other.call("HELLO", 3)
        other.send("SUBSCRIBE", name)
        assert other.receive()[0] == b"subscribe"
        fence = holder.call("ACQUIRE", name, "1h", "OWNER", "the night job")
        assert other.receive()[:2] == [b"message", name.encode()]
        held = other.holder(name)
        assert held is not None
        assert (held["owner"], held["token"], held["uid"]) == (b"the night job", fence, STRANGER)
        assert other.call("CHECK", name, fence) > 0
        holder.call("PUT", name, "mine")
        assert other.call("PUT", name, "theirs", "IF", name, fence) == OK
        assert holder.call("GET", name) == b"theirs"
        assert other.call("DELETE", name) == 1
        other.call("ACQUIRE", "root", "1h", "OWNER", "root")
        listed = other.call("CLIENT", "LIST").decode()
        assert set(re.findall(r" uid=(\d+) ", listed)) == {str(ANOTHER)}, "its own connections alone"


# Access rules


#: Ways that lead, or might seem to lead, to the denied names `vault/…`.
WAYS: list[list[Argument]] = [
    ["ACQUIRE", "vault/x", "1h"],
    ["ACQUIRE", "vault/x", "1h", "WAIT", "1s"],
    ["ACQUIRE", "vault/free", "1h", "BIND"],
    ["HOLDER", "vault/x"],
    ["HOLDER", "vault/free"],
    ["LEASES"],
    ["LEASES", "AFTER", "vault/"],
    ["LEASES", "AFTER", "vault/w", "COUNT", 1],
    ["LEASES", "PREFIX", ""],
    ["LEASES", "PREFIX", "v", "AFTER", "vault/w"],
    ["LEASES", "PREFIX", "vault/x", "COUNT", 1],
    ["GET", "vault/x"],
    ["PUT", "vault/x", "v"],
    ["PUT", "vault/x", "v", "IF", "mine", "TOKEN"],
    ["SET", "vault/x", "v"],
    ["DELETE", "vault/x"],
    ["DEL", "vault/x"],
    ["PREFIX", "APPEND", "vault/x", "c"],
    ["PREFIX", "REMOVE", "vault/x", "c"],
    ["PREFIX", "CONTAINS", "vault/x", "c"],
    ["PREFIX", "LIST", "vault/x"],
    ["KEYS", "LIST"],
    ["KEYS", "LIST", "PREFIX", ""],
    ["KEYS", "LIST", "PREFIX", "vaul"],
    ["KEYS", "LIST", "AFTER", "vault", "COUNT", 1],
    ["KEYS", "RANGE", 0, 0],
    ["KEYS", "RANGE", 1, 2],
    ["KEYS", "TRACKER", "vault/x"],
    ["KEYS", "REMOVE", "mine", "vault/x"],
    ["REVOKE", "vault/x"],
    ["REVOKE", "vault/free", "AFTER", "1m"],
    ["EXPORT", "mine", "vault/x"],
    ["IMPORT", "KEY", "mine", "SIMPLE", "v", "KEY", "vault/x", "SIMPLE", "v"],
    ["IMPORT", "KEY", "vault/x", "CHILD", "c"],
    ["IMPORT", "KEY", "vault/x", "LEASE", 5, 9_999_999_999_999],
    ["SUBSCRIBE", "mine", "vault/x"],
    ["PSUBSCRIBE", "*"],
    ["PSUBSCRIBE", "mine*", "v*"],
    ["PSUBSCRIBE", "?ault/x"],
    ["PSUBSCRIBE", "[v]ault/x"],
    ["PSUBSCRIBE", "[^a]ault/*"],
    ["PSUBSCRIBE", "va[u-u]lt/x"],
    ["PSUBSCRIBE", "vault[/"],
    ["PSUBSCRIBE", "\\v\\a\\u\\l\\t\\/*"],
    ["PSUBSCRIBE", "vault\\/x"],
    ["PSUBSCRIBE", "**vault/x"],
    ["PSUBSCRIBE", "vaul*x"],
]


@pytest.mark.root
def test_no_way_leads_to_a_denied_name(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = configured(make_daemon, tmp_path, f"access: [deny user {ANOTHER} acquire read write on vault/]\n")
    with strangers(daemon) as (owner, thief):
        owner.call("ACQUIRE", "vault/x", "1h", "OWNER", "the-secret-label")
        owner.call("PUT", "vault/x", "the-secret-value")
        owner.call("PREFIX", "APPEND", "vault/x", "the-secret-child")
        token = thief.call("ACQUIRE", "mine", "1h")
        thief.call("PUT", "mine", "v")
        before = owner.call("EXPORT", "vault/x")
        for protocol in (2, 3):
            thief.call("HELLO", protocol)
            for way in WAYS:
                reply = answer(thief, *[token if word == "TOKEN" else word for word in way])
                assert isinstance(reply, ReplyError), (way, reply)
                assert reply.word == "DENIED", (way, reply)
                assert "the-secret" not in str(reply), (way, reply)
        # Inline commands quote the bytes that arrays contain literally.
        thief.send_raw(b'GET "\\x76ault/x"\r\nget vault/x\r\n')
        assert [thief.receive().word for _ in range(2)] == ["DENIED", "DENIED"]
        after = owner.call("EXPORT", "vault/x")
        assert [entry[:6] for entry in after] == [entry[:6] for entry in before]
        assert thief.call("GET", "mine") == b"v", "what was refused was not half done"
        # None of these attempts has subscribed to anything.
        assert owner.call("REVOKE", "vault/x") == 1
        assert thief.call("PING", "end") == b"end"


@pytest.mark.root
@pytest.mark.parametrize("words", [["REVOKE", "vault/x"], ["REVOKE", "vault/free"], ["KEYS", "REMOVE", "vault/x"]])
def test_a_denied_name_tells_nothing_of_its_holder(
    make_daemon: MakeDaemon, tmp_path: Path, words: list[Argument]
) -> None:
    daemon = configured(make_daemon, tmp_path, f"access: [deny user {ANOTHER} acquire read on vault/]\n")
    with strangers(daemon) as (holder, thief):
        holder.call("ACQUIRE", "vault/x", "1h", "OWNER", "the-secret-label")
        reply = answer(thief, *words)
        assert isinstance(reply, ReplyError), reply
        assert reply.word == "DENIED", reply
        assert "the-secret-label" not in str(reply), reply
        assert str(STRANGER) not in str(reply), reply


@pytest.mark.root
def test_a_rule_is_about_the_bytes_of_a_name(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    rules = "".join(f"  - 'deny everyone acquire on {names}'\n" for names in ("vault/", r"a\x00\xff\\b", "é"))
    daemon = configured(make_daemon, tmp_path, "access:\n" + rules)
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    with ConnectionAs(str(daemon.socket)) as client:
        for denied in (b"vault/", b"vault/\x00", b"a\x00\xff\\b", b"a\x00\xff\\b/c", composed):
            assert client.error("ACQUIRE", denied, "1h") == "DENIED", denied
        # These look alike, but are other names, and so other leases.
        for free in (b"vault", b"Vault/", b"vault\x00/", b"\x00vault/", b" vault/", b"vault%2f", b"a", decomposed):
            assert type(client.call("ACQUIRE", free, "1h")) is int, free


@pytest.mark.root
def test_who_administers_some_leases_raises_no_tokens_of_others(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = configured(make_daemon, tmp_path, f"access: [allow user {ANOTHER} admin on batch/]\n")
    with strangers(daemon) as (_, operator), daemon.connect() as root:
        for expiry in (5, 9_999_999_999_999):
            assert operator.error("IMPORT", "KEY", "batch/x", "LEASE", 2**52, expiry) == "DENIED"
        assert root.call("TOKEN") < 2**52
        assert operator.call("IMPORT", "KEY", "batch/x", "LEASE", root.call("TOKEN"), 5) == OK


# Limits


@pytest.mark.root
def test_a_user_at_each_of_its_limits_takes_nothing_from_others(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    limits = {
        "connections": 40, "connections-per-user": 12, "leases": 20, "leases-per-user": 6, "waiters": 10,
        "waiters-per-lease": 10, "waiters-per-user": 3, "ties": 10, "ties-per-user": 3, "subscriptions": 30,
        "subscriptions-per-user": 9, "subscriptions-per-connection": 9, "patterns": 20, "patterns-per-user": 4,
        "reserved-for-administrators": 2,
    }  # fmt: skip
    text = "limits:\n" + "".join(f"  {key}: {value}\n" for key, value in limits.items())
    daemon = configured(make_daemon, tmp_path, text)

    def use(opened: ExitStack, uid: int, other: str) -> int:
        """Takes some of everything until it is BUSY, and returns how many connections that took."""
        connections: list[Connection] = []
        while True:
            connection = opened.enter_context(ConnectionAs(str(daemon.socket), uid))
            connection.socket.settimeout(30)
            try:
                connection.send("PING")
                reply = connection.receive()
            except (BrokenPipeError, ClosedError):
                break
            if isinstance(reply, ReplyError):
                assert reply.word == "BUSY"
                break
            connections.append(connection)
        first, second, *rest = connections
        granted = [answer(first, "ACQUIRE", f"{uid}/{i}", "1h") for i in range(7)]
        assert [type(token) is int for token in granted] == [True] * 6 + [False]
        for i in range(3):
            assert rest[i].call("TIE", f"{uid}/{i}", granted[i]) == OK
        assert second.error("TIE", f"{uid}/3", granted[3]) == "BUSY"
        before = waiters(first, other)
        for i in range(3):
            rest[3 + i].send("ACQUIRE", other, "1h", "WAIT", "FOREVER")
        eventually(lambda: waiters(first, other) == before + 3, 30, "three more in the line")
        assert second.error("ACQUIRE", other, "1h", "WAIT", "FOREVER") == "BUSY"
        second.call("HELLO", 3)
        for i in range(4):
            assert answer(second, "PSUBSCRIBE", f"{uid}/{i}*")[0] == b"psubscribe"
        assert second.error("PSUBSCRIBE", "one too many*") == "BUSY"
        for i in range(5):
            assert answer(second, "SUBSCRIBE", f"{uid}/{i}")[0] == b"subscribe"
        assert second.error("SUBSCRIBE", "one too many") == "BUSY"
        return len(connections)

    with ExitStack() as opened:
        root = opened.enter_context(daemon.connect(timeout=30))
        root.call("ACQUIRE", "roots", "1h")
        assert use(opened, STRANGER, "roots") == 12
        assert use(opened, ANOTHER, "roots") == 12, "another user has as much"
        assert waiters(root, "roots") == 6
        assert type(root.call("ACQUIRE", "more", "1h")) is int
        assert root.call("REVOKE", f"{STRANGER}/0") == 1


@pytest.mark.root
def test_patterns_in_all_have_a_reserve(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    limits = "limits: {patterns: 4, patterns-per-user: 4, reserved-for-administrators: 2}\n"
    daemon = configured(make_daemon, tmp_path, limits)
    with ConnectionAs(str(daemon.socket)) as stranger, daemon.connect() as root:
        stranger.call("HELLO", 3)
        replies = [answer(stranger, "PSUBSCRIBE", f"{place}*") for place in range(4)]
        assert [isinstance(reply, ReplyError) for reply in replies] == [False, False, True, True], replies
        assert answer(root, "PSUBSCRIBE", "*")[0] == b"psubscribe"


def test_unfinished_frames_cost_what_they_hold_and_no_longer_than_they_last(daemon: Daemon) -> None:
    count, argument = 20, b"x" * (MEBIBYTE - 64)
    frame = encode("PING", *[argument] * 8)[:-1000]
    assert len(frame) > 7 * MEBIBYTE
    small = encode("PING", *[b""] * 65_535)[:-10]
    with daemon.connect(timeout=60) as other:
        for unfinished, cost in [(small, len(small) + 64 * 65_536), (frame, 12 * MEBIBYTE)]:
            other.call("PING")
            before = daemon.memory()
            clients = [daemon.connect(timeout=60) for _ in range(count)]
            for client in clients:
                client.send_raw(unfinished)
                assert other.call("PING") == Simple("PONG"), "others are answered meanwhile"
            # The content of the sockets' buffers is the kernel's memory.
            assert daemon.memory() - before < count * cost
            for client in clients:
                client.close()
        eventually(lambda: daemon.memory() - before < 40 * MEBIBYTE, 30, "the return of the memory")


def test_a_lower_limit_on_frames_is_the_bound_of_each_connection(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = configured(make_daemon, tmp_path, "limits: {frame-bytes: 64KiB, value-bytes: 32KiB}\n")
    with daemon.connect() as client, daemon.connect() as other:
        assert client.call("PUT", "a", b"x" * 32 * 1024) == OK
        client.send_raw(b"*2\r\n$4\r\nPING\r\n$70000\r\n")
        refused = client.receive()
        assert isinstance(refused, ReplyError), refused
        assert "Protocol error" in str(refused)
        assert client.at_end()
        assert other.call("PING") == Simple("PONG")


# What people read


#: Bytes that harm a terminal or a line if they are output as they are.
POISON = b"\x1b[31m\x1b]0;owned\x07\r\n2026-01-01T00:00:00.000Z critical forged=1\x00\x7f\xc2\x9b2J\xe2\x80\xa8\xff"


def controls(text: str) -> set[str]:
    """The characters that a terminal would obey, or that end a line, except line feeds."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Zl", "Zp"}}


@contextmanager
def poisoned_client(daemon: Daemon) -> Iterator[None]:
    """A process with poison as its command name holds the lease `comm`, without a label, until its stdin ends."""
    script = (
        "import socket, sys\n"
        "open('/proc/self/comm', 'wb').write(b'\\x1b[31m\\x07x')\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'ACQUIRE comm 1h\\r\\n')\n"
        "s.recv(100); print(flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(daemon.socket)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n", "it could not take its lease"
        yield


def test_nothing_that_a_client_sends_forges_a_line_of_the_log(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    rule = "deny user 1 acquire on " + "".join(f"\\x{byte:02x}" for byte in POISON)
    daemon = configured(make_daemon, tmp_path, f"log-level: trace\naccess: ['{rule}']\n")
    with daemon.connect() as client:
        for words in (
            [POISON], ["ACQUIRE", POISON, "1h"], ["ACQUIRE", "x", POISON], ["ACQUIRE", "x", "1h", "OWNER", POISON],
            ["REVOKE", POISON, "REASON", POISON], ["REVOKE", POISON, "REASON", "\u202etxet"], ["HELLO", 3, POISON],
            ["CLIENT", "SETNAME", POISON], ["CLIENT", "SETINFO", "LIB-NAME", POISON], ["INFO", POISON],
            ["PSUBSCRIBE", POISON], ["IMPORT", "KEY", POISON, POISON], ["KEYS", "RANGE", POISON, POISON],
        ):  # fmt: skip
            client.send(*words)
            client.receive()
    for bad in (b"*1\r\n" + POISON, b"*1\r\n$" + POISON + b"\r\n", b"*" + POISON + b"\r\n", b'"' + POISON + b"\r\n"):
        with daemon.connect() as client:
            client.send_raw(bad)
            client.finish_sending()
            client.rest()
    with poisoned_client(daemon):
        pass
    daemon.stop()
    assert re.search(rf" protocol error .*\bpid={os.getpid()}\b.* uid={os.geteuid()}\b", daemon.log())
    for line in daemon.log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (trace|debug|info|notice|warning|error|critical) ", line), line
        assert " critical " not in line[:40], line
        assert not controls(line), line


#: Labels that reverse the writing direction, hide text, or end a line.
HIDDEN = "x\u202ey\u2028\u2029z\u200b\u2066"


def test_no_label_or_reason_turns_a_line_around(daemon: Daemon) -> None:
    def hidden(text: str) -> set[str]:
        return {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c != "\n"}

    ctl = Ctl(daemon)
    watch = ctl.spawn("watch", "a")
    with daemon.connect() as client:
        client.call("ACQUIRE", "a", "1h", "OWNER", HIDDEN)
        for command in (["list"], ["status", "a"], ["acquire", "a", "1h"]):
            result = ctl(*command)
            assert not hidden(result.stdout + result.stderr), result
            assert "\\xe2\\x80\\xae" in result.stdout + result.stderr, result
        assert json.loads(ctl("status", "a", "--json").stdout)["owner"] == HIDDEN
        assert watch.stdout is not None
        lines = [watch.stdout.readline()]
        assert client.call("REVOKE", "a", "AFTER", "1h", "REASON", HIDDEN) == 1
        lines.append(watch.stdout.readline())
    watch.terminate()
    watch.communicate(timeout=30)
    assert not hidden("".join(lines)), lines
    assert "reason: x\\xe2" in lines[1], lines


def test_what_a_daemon_of_somebody_else_answers_moves_no_cursor(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer_badly() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(4096):
                    connection.sendall(b"-ERR \x1b[31mowned\xe2\x80\xae\r\n")

        threading.Thread(target=answer_badly, daemon=True).start()
        command = [binaries.path("leasectl"), "acquire", "--socket", str(path), "a", "1h"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode != 0
    assert not {c for c in result.stdout + result.stderr if unicodedata.category(c) in {"Cc", "Cf"} and c != "\n"}, (
        result
    )


def test_nothing_that_a_client_sends_reaches_a_terminal_as_it_is(daemon: Daemon) -> None:
    ctl = Ctl(daemon)
    watch = ctl.spawn("watch")
    assert watch.stdout is not None
    lines: list[str] = []

    def watch_until(what: str) -> None:
        while not lines or what not in lines[-1]:
            lines.append(watch.stdout.readline())  # type: ignore[union-attr]
            assert lines[-1], "watch has ended"

    with daemon.connect() as client, poisoned_client(daemon):
        watch_until("comm")
        token = client.call("ACQUIRE", POISON, "1h", "OWNER", "plain")
        client.call("PUT", POISON, POISON)
        client.call("PREFIX", "APPEND", POISON, POISON)
        with pytest.raises(ReplyError):
            client.call("ACQUIRE", "labelled", "1h", "OWNER", POISON)
        with pytest.raises(ReplyError):
            client.call("REVOKE", POISON, "REASON", POISON)
        shown = [ctl("list"), ctl("status", "comm"), ctl("acquire", "comm", "1h"), ctl("keys", "list"), ctl("info")]
        # An argument cannot contain NUL, so such a name is given in hexadecimal digits.
        shown += [ctl("get", "--hex", POISON.hex()), ctl("prefix", "list", "--hex", POISON.hex())]
        for result in shown:
            assert not controls(result.stderr), result
        for result in shown[:5]:
            assert not controls(result.stdout), result
        assert "\\x1b" in shown[0].stdout, "the name is shown, written out"
        assert client.call("RELEASE", POISON, token) == OK
        client.call("ACQUIRE", "last", "1h")
        watch_until("last")
    watch.terminate()
    watch.communicate(timeout=30)
    assert not controls("".join(lines)), lines
    assert "\\x1b" in "".join(lines)


# Files


def test_the_stores_files_are_for_the_daemons_user_alone(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    daemon = make_daemon(store=folder / "leased.db")
    mask = os.umask(0)
    try:
        daemon.start()
    finally:
        os.umask(mask)
    with daemon.connect() as client:
        client.call("PUT", "a", "v")
        client.call("ACQUIRE", "a", "1h")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {"leased.db", "leased.db-wal", "leased.db-shm", "leased.db.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(f"{daemon.socket}.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("place", ["socket", "socket.lock", "store.lock"])
def test_a_link_that_somebody_put_there_is_not_followed(make_daemon: MakeDaemon, tmp_path: Path, place: str) -> None:
    common, precious = tmp_path / "common", tmp_path / "precious"
    common.mkdir()
    common.chmod(0o777)
    precious.write_text("keep me")
    precious.chmod(0o600)
    (common / place).symlink_to(precious)
    daemon = make_daemon(socket=common / "socket", store=common / "store")
    assert_refused(daemon, str(common / place), statuses=(73,))
    assert precious.read_text() == "keep me"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600
    assert (common / place).is_symlink()


@pytest.mark.parametrize("place", ["socket.lock", "store.lock"])
def test_a_hard_link_in_the_place_of_a_lock_is_left_as_it_is(
    make_daemon: MakeDaemon, tmp_path: Path, place: str
) -> None:
    common, precious = tmp_path / "common", tmp_path / "precious"
    common.mkdir()
    precious.write_text("keep me")
    (common / place).hardlink_to(precious)
    daemon = make_daemon(socket=common / "socket", store=common / "store")
    assert_refused(daemon, str(common / place), statuses=(73,))
    assert precious.read_text() == "keep me"


def test_a_link_to_nowhere_makes_no_store_there(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    common, elsewhere = tmp_path / "common", tmp_path / "elsewhere"
    common.mkdir()
    (common / "store").symlink_to(elsewhere)
    daemon = make_daemon(socket=common / "socket", store=common / "store")
    assert_refused(daemon, str(common / "store"), statuses=(73,))
    assert not elsewhere.exists()


@pytest.mark.root
@pytest.mark.parametrize("place", ["socket.lock", "store.lock"])
def test_a_lock_of_another_user_stops_the_start_and_nothing_else(
    make_daemon: MakeDaemon, tmp_path: Path, place: str
) -> None:
    common = tmp_path / "common"
    common.mkdir()
    common.chmod(0o777)
    lock = common / place
    lock.write_text("\x1b[31m4711\n")
    os.chown(lock, STRANGER, STRANGER)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        daemon = make_daemon(socket=common / "socket", store=common / "store")
        assert_refused(daemon, statuses=(69,))
        assert not controls(daemon.log())
        assert not (common / "socket").exists()
        assert lock.read_text() == "\x1b[31m4711\n"


# The units and the shell


def test_the_units_say_what_the_page_relies_on() -> None:
    def lines(unit: str) -> set[str]:
        return {line for line in (UNITS / unit).read_text().splitlines() if "=" in line and not line.startswith("#")}

    for at in ("", "@"):
        assert {"SocketUser=root", "SocketGroup=leased", "SocketMode=0660", "DirectoryMode=0755"} <= lines(
            f"leased{at}.socket"
        )
        service = lines(f"leased{at}.service")
        assert {
            "User=leased", "NotifyAccess=main", "UMask=0077", "StateDirectoryMode=0700", "CapabilityBoundingSet=",
            "NoNewPrivileges=yes", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "PrivateUsers=no",
        } <= service  # fmt: skip


def test_the_trampoline_runs_nothing_for_anybody_but_leasectl(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for parent in ("1", str(os.getpid() + 1), "0", "-1", "", "x"):
        arguments = [binaries.path("leasectl"), "---job", parent, "0", "0", "", "2", "touch", str(made)]
        assert subprocess.run(arguments, capture_output=True, timeout=30).returncode in {64, 70}
    assert not made.exists()
