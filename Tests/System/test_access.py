"""Access rules: users that really are other users, refusals that name the rule, reloads that drop nobody."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from conftest import MakeDaemon
from harness.ctl import Ctl
from harness.daemon import Daemon, assert_refused
from harness.resp import OK, Connection, ReplyError, Simple
from harness.users import STRANGER, ConnectionAs, admit_everyone

pytestmark = pytest.mark.root

RULES = """\
access:
  - allow user 65534 acquire read write on team/
  - deny everyone acquire read write on team/
  - deny user 65534 write on vault/
  - allow user 65534 admin on batch/
"""
ANOTHER = 65533


@pytest.fixture
def ruled(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    return with_rules(make_daemon, tmp_path, RULES)


def with_rules(make_daemon: MakeDaemon, folder: Path, text: str) -> Daemon:
    (folder / "leased.yaml").write_text(text)
    daemon = make_daemon(arguments=["--config", str(folder / "leased.yaml")]).start()
    admit_everyone(daemon.socket)
    return daemon


def reload(daemon: Daemon, folder: Path, text: str) -> None:
    """Reads another configuration; returns once the daemon is ready again."""
    (folder / "leased.yaml").write_text(text)
    assert daemon.notify is not None
    seen = len(daemon.notify.messages)
    daemon.signal(signal.SIGHUP)
    assert daemon.notify.wait_for(lambda m: m.fields.get("READY") == "1", 30, after=seen), "the reload has no end"


def refusal(connection: Connection, *words: object) -> str:
    """The message of a command's DENIED."""
    connection.send(*words)
    reply = connection.receive()
    assert isinstance(reply, ReplyError) and reply.word == "DENIED", f"{words} was answered {reply!r}"
    return reply.message


@contextmanager
def users(daemon: Daemon) -> Iterator[tuple[Connection, Connection]]:
    """Connections of the two users."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(ConnectionAs(str(daemon.socket), STRANGER)),
            stack.enter_context(ConnectionAs(str(daemon.socket), ANOTHER)),
        )


def test_the_first_rule_that_speaks_of_user_right_and_name_decides(ruled: Daemon) -> None:
    with users(ruled) as (member, other):
        member.call("ACQUIRE", "team/a", "1h")
        assert member.call("PUT", "team/a", "v") == OK
        message = refusal(other, "ACQUIRE", "team/a", "1h")
        assert "access rule 2, 'deny everyone acquire read write on team/'" in message
        assert f"uid {ANOTHER}" in message
        assert "'team/a'" in message
        refusal(other, "GET", "team/a")
        refusal(other, "HOLDER", "team/a")
        refusal(other, "LEASES")
        refusal(other, "KEYS", "LIST", "PREFIX", "te")
        refusal(other, "SUBSCRIBE", "team/a")
        refusal(other, "PSUBSCRIBE", "*")
        assert "access rule 3" in refusal(member, "PUT", "vault/x", "v")
        assert other.call("PUT", "vault/x", "v") == OK
        assert member.call("GET", "vault/x") == b"v"
        other.call("ACQUIRE", "elsewhere", "1h")


def test_check_and_if_are_open_to_all(ruled: Daemon) -> None:
    with users(ruled) as (member, other):
        fence = member.call("ACQUIRE", "team/a", "1h")
        assert other.call("CHECK", "team/a", fence) > 0
        assert other.call("PUT", "mine", "v", "IF", "team/a", fence) == OK
        assert other.call("TOKEN") > fence


def test_who_may_administer_a_beginning_ends_others_tenures_there_alone(ruled: Daemon) -> None:
    with users(ruled) as (operator, other):
        for name in ("batch/a", "b"):
            other.call("ACQUIRE", name, "1h")
        assert operator.call("REVOKE", "batch/a") == 1
        refusal(operator, "REVOKE", "b")
        assert "uid 65534" in refusal(operator, "KEYS", "REMOVE", "b")


def test_no_rule_binds_an_administrator(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = with_rules(make_daemon, tmp_path, "access: [deny everyone acquire read write admin]\n")
    with daemon.connect() as root, ConnectionAs(str(daemon.socket)) as other:
        token = root.call("ACQUIRE", "a", "1h")
        assert root.call("PUT", "a", "v", "IF", "a", token) == OK
        assert len(root.call("LEASES")) == 1
        refusal(other, "ACQUIRE", "b", "1h")
        assert other.call("PING") == Simple("PONG")


def test_a_reload_changes_rights_and_drops_nobody(ruled: Daemon, tmp_path: Path) -> None:
    with users(ruled) as (member, other):
        token = member.call("ACQUIRE", "team/a", "1h")
        reload(ruled, tmp_path, "access: [deny user 65534 acquire]\n")
        assert other.call("PUT", "team/b", "v") == OK
        refusal(member, "ACQUIRE", "team/c", "1h")
        # What was granted before still belongs to its holder.
        token = member.call("RENEW", "team/a", token, "1h")
        assert member.call("RELEASE", "team/a", token) == OK


def test_a_reload_with_a_wrong_rule_leaves_the_old_ones_in_force(ruled: Daemon, tmp_path: Path) -> None:
    with users(ruled) as (_, other):
        reload(ruled, tmp_path, "access: [allow everyone everything]\n")
        assert "the old one stays in force" in ruled.log()
        assert "'everything' is no right; these are acquire, read, write, admin" in ruled.log()
        refusal(other, "ACQUIRE", "team/a", "1h")


@pytest.mark.parametrize("rule", ["deny", "deny user no-such-user write", "deny everyone write on a*"])
def test_a_wrong_rule_stops_the_start(make_daemon: MakeDaemon, tmp_path: Path, rule: str) -> None:
    (tmp_path / "leased.yaml").write_text(f"access: ['{rule}']\n")
    assert_refused(make_daemon(arguments=["--config", str(tmp_path / "leased.yaml")]), "access = '", statuses=(78,))


def test_clients_and_the_shell_say_denied(ruled: Daemon) -> None:
    member = Ctl(ruled, wrapper=["setpriv", "--reuid", str(ANOTHER), "--clear-groups"])
    for command in (["acquire", "team/a"], ["run", "--try", "team/a", "true"], ["get", "team/a"], ["list"]):
        result = member(*command)
        assert result.returncode == 77, (command, result)
        assert "access rule" in result.stderr, result.stderr
        assert result.stdout == ""
    client = ruled.redis()
    assert client.info()["access_rules"] == 4


def test_a_denied_reply_is_an_error_of_redis_clients(ruled: Daemon) -> None:
    # A separate process, since the kernel reports the user of the process that connects.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(ANOTHER, ANOTHER, ANOTHER)
            try:
                redis.Redis(unix_socket_path=str(ruled.socket)).execute_command("ACQUIRE", "team/a", "1h")
            except redis.ResponseError as error:
                os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read().startswith(b"DENIED uid 65533 may not acquire 'team/a' by access rule 2")


def test_a_reload_names_what_waits_for_the_next_start(ruled: Daemon, tmp_path: Path) -> None:
    reload(ruled, tmp_path, RULES + "stop-timeout: 7s\nsocket-mode: '0600'\nhistory:\n  keep-rows: 10\n")
    line = next(line for line in ruled.log().splitlines() if "at the next start" in line)
    assert "socket-mode, stop-timeout" in line
    with ruled.connect() as client:
        assert f"socket:{ruled.socket}\r\n" in client.call("INFO", "server").decode()
    reload(ruled, tmp_path, RULES + "history:\n  keep-rows: 10\n")
    assert sum("at the next start" in line for line in ruled.log().splitlines()) == 1, "all is as at the start again"
