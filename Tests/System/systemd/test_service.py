"""leased.service under a real systemd: ready, activated, restarted, reloaded, watched."""

import itertools
import signal

import pytest

from harness.clock import eventually, now
from harness.machine import SOCKET, Caller, Machine
from harness.resp import OK, ClosedError, Connection, ReplyError, Simple

pytestmark = pytest.mark.machine

PONG = Simple("PONG")
USER = 12345


def start(machine: Machine, *units: str) -> None:
    machine.must("systemctl", "start", *(units or ("leased.service",)))


def test_started_means_that_it_answers(machine: Machine) -> None:
    for _ in range(5):
        start(machine)
        with machine.connect() as client:
            assert client.call("PING") == PONG
            for i in range(3):
                client.call("ACQUIRE", f"lease/{i}", "1h")
            eventually(
                lambda: machine.show("leased.service", "StatusText") == "3 leases held, 1 connection",
                10,
                "a status with live figures",
            )
            for i in range(3):
                assert client.call("RELEASE", f"lease/{i}", client.holder(f"lease/{i}")["token"]) == OK  # type: ignore[index]
        machine.must("systemctl", "stop", "leased.service")


def test_a_stop_for_good_leaves_no_socket_that_nobody_answers(machine: Machine) -> None:
    start(machine)
    machine.must("systemctl", "stop", "leased.socket", "leased.service")
    assert not machine.path(SOCKET).exists()
    assert machine.show("leased.service", "Result") == "success"


def test_a_users_default_owner_is_its_commands_name(machine: Machine) -> None:
    start(machine)
    group = machine.must("getent", "group", "leased").split(":")[2]
    script = (
        "import socket\n"
        f"s = socket.socket(socket.AF_UNIX); s.connect('{SOCKET}'); s.sendall(b'ACQUIRE job 1h\\r\\n')\n"
        "assert s.recv(100).startswith(b':')\n"
        "print(open('/proc/self/comm').read().strip())\n"
    )
    name = machine.must("python3", "-c", script, user=str(USER), groups=group)
    with machine.connect() as client:
        held = client.holder("job")
        assert held is not None
        assert (held["owner"], held["uid"]) == (name.encode(), USER)


def test_the_first_client_starts_the_daemon(machine: Machine) -> None:
    start(machine, "leased.socket")
    assert machine.state("leased.service") == "inactive"
    with machine.connect() as client:
        assert client.call("PING") == PONG
    machine.becomes("leased.service", "active")


def test_the_group_may_connect_and_nobody_else(machine: Machine) -> None:
    start(machine)
    group = machine.must("getent", "group", "leased").split(":")[2]
    assert machine.must("leasectl", "ping", user=str(USER), groups=group)
    refused = machine.run("leasectl", "ping", user=str(USER))
    assert refused.returncode == 77
    assert "ermi" in refused.stderr or "denied" in refused.stderr.lower()


def test_the_daemon_sees_who_calls(machine: Machine) -> None:
    start(machine)
    group = machine.must("getent", "group", "leased").split(":")[2]
    machine.must("leasectl", "acquire", "theirs", "1h", user=str(USER), groups=group)
    with machine.connect() as client:
        holder = client.holder("theirs")
    assert holder is not None
    assert (holder["uid"], holder["gid"]) == (USER, int(group))


def test_the_daemon_is_not_root_and_has_no_rights(machine: Machine) -> None:
    start(machine)
    status = machine.path(f"/proc/{machine.main_pid()}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = machine.must("id", "-u", "leased")
    assert fields["Uid"].split() == [user] * 4
    assert {fields[name] for name in ["CapPrm", "CapEff", "CapBnd", "CapAmb"]} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    store = machine.path("/var/lib/leased/leased.db").stat()
    assert (store.st_uid, store.st_mode & 0o777) == (int(user), 0o600)


# Restart


def test_no_client_is_refused_over_restarts_and_leases_stay(machine: Machine) -> None:
    start(machine)
    callers = [Caller(machine) for _ in range(4)]
    with machine.connect() as client:
        tokens = {f"lease/{i}": client.call("ACQUIRE", f"lease/{i}", "1h") for i in range(50)}
        # The deadline of each lies between these two, on the clock that both share.
        ends: dict[str, tuple[float, float]] = {}
        for name in tokens:
            before = now()
            left = client.holder(name)["remaining_ms"] / 1000  # type: ignore[index]
            ends[name] = (before + left, now() + left + 0.001)
    for caller in callers:
        caller.start()
    pids = [machine.main_pid()]
    for _ in range(5):
        seen = [caller.answers for caller in callers]
        machine.must("systemctl", "restart", "leased.service")
        pids.append(machine.main_pid())
        eventually(
            lambda seen=seen: all(c.answers > s or c.failure for c, s in zip(callers, seen, strict=True)),  # type: ignore[misc]
            30,
            "an answer to each client behind the restart",
        )
    assert all(caller.finish() > 0 for caller in callers)
    assert len(set(pids)) == 6
    with machine.connect() as client:
        for name, token in tokens.items():
            before = now()
            holder = client.holder(name)
            after = now()
            assert holder is not None
            assert (holder["token"], holder["fence"]) == (token, token)
            left = holder["remaining_ms"] / 1000
            low, high = ends[name]
            assert low <= after + left + 0.001, "a deadline came nearer"
            assert before + left <= high, "a deadline moved away"
            assert client.call("RENEW", name, token, "1h") > token


def test_a_daemon_that_is_killed_comes_back(machine: Machine) -> None:
    start(machine)
    with machine.connect() as client:
        token = client.call("ACQUIRE", "mine", "1h")
    caller = Caller(machine)
    caller.start()
    for number in range(1, 4):
        machine.signal(signal.SIGKILL)
        eventually(
            lambda number=number: (
                machine.show("leased.service", "NRestarts") == str(number)  # type: ignore[misc]
                and machine.state("leased.service") == "active"
            ),
            30,
            f"restart {number}",
        )
    assert caller.finish() > 0
    with machine.connect() as client:
        assert client.call("RENEW", "mine", token, "1h") > token


# Reload

CONFIGURATION = "/etc/leased/leased.yaml"


def is_refused(client: Connection, ttl: str) -> bool:
    """Whether a lease of that length is over the limit; always on the same connection."""
    try:
        token = client.call("ACQUIRE", "probe", ttl)
    except ReplyError:
        return True
    client.call("RELEASE", "probe", token)
    return False


def test_a_reload_changes_limits_and_log_level_and_drops_nobody(machine: Machine) -> None:
    machine.write(CONFIGURATION, "log-level: error\n")
    start(machine)
    pid = machine.main_pid()
    assert "listening" not in machine.journal()
    with machine.connect() as client:
        assert not is_refused(client, "2h")
        machine.write(CONFIGURATION, "log-level: info\nlimits:\n  longest-ttl: 1h\n")
        machine.must("systemctl", "reload", "leased.service")
        eventually(lambda: is_refused(client, "2h"), 20, "the new limit")
        assert not is_refused(client, "1h")
        eventually(lambda: "configuration reloaded" in machine.journal(), 20, "a line of the new log level")
        # READY=1 ends the reload; without it the unit would stay in that state.
        machine.becomes("leased.service", "active")
        assert client.call("PING") == PONG
    assert machine.main_pid() == pid
    assert machine.show("leased.service", "NRestarts") == "0"


def test_what_the_units_settings_overrule_is_told(machine: Machine) -> None:
    machine.write(
        CONFIGURATION,
        'socket: /run/leased/other.sock\nsocket-mode: "0600"\nsocket-group: root\n'
        "limits:\n  connections: 30000\ncommit-timeout: 10m\n",
    )
    start(machine)
    told = {
        "settings without effect: the service manager has made the socket": "socket, socket-mode, socket-group",
        "limits.connections does not fit the limit on open files": "needed=31000",
        "commit-timeout does not fit the watchdog": "commit_timeout_ms=600000",
    }

    def lines(text: str) -> list[str]:
        return [line for line in machine.journal().splitlines() if text in line]

    for text, values in told.items():
        assert [values in line for line in lines(text)] == [True], machine.journal()
    # A reload repeats this, and does not announce a restart that would change nothing.
    machine.must("systemctl", "reload", "leased.service")
    eventually(lambda: lines("configuration reloaded"), 20, "the reload")
    eventually(lambda: all(len(lines(text)) == 2 for text in told), 20, "the same lines")
    assert not lines("take effect at the next start")
    # Nothing is said about limits that fit.
    machine.write(CONFIGURATION, "limits:\n  connections: 10000\n")
    machine.must("systemctl", "restart", "leased.service")
    assert all(len(lines(text)) == 2 for text in told)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("limits:\n  longest-ttl: banana\n", "longest-ttl"),
        ("limits:\n  conections: 7\n", "conections"),
        ("limits: [\n", CONFIGURATION),
        ("log-level: loud\n", "log-level"),
    ],
)
def test_a_wrong_configuration_is_not_taken_over_by_a_reload(machine: Machine, text: str, named: str) -> None:
    machine.write(CONFIGURATION, "limits:\n  longest-ttl: 1h\n")
    start(machine)
    pid = machine.main_pid()
    with machine.connect() as client:
        machine.write(CONFIGURATION, text)
        machine.must("systemctl", "reload", "leased.service")
        eventually(lambda: "the old one stays in force" in machine.journal(), 20, "a word in the journal")
        line = next(line for line in machine.journal().splitlines() if "the old one stays in force" in line)
        assert named in line
        assert is_refused(client, "2h")
        assert not is_refused(client, "1h")
        machine.becomes("leased.service", "active")
        # Once repaired, it is applied.
        machine.write(CONFIGURATION, "limits:\n  longest-ttl: 3h\n")
        machine.must("systemctl", "reload", "leased.service")
        eventually(lambda: not is_refused(client, "2h"), 20, "the mended configuration")
    assert machine.main_pid() == pid


def test_an_unreadable_configuration_is_not_taken_over_by_a_reload(machine: Machine) -> None:
    machine.write(CONFIGURATION, "limits:\n  longest-ttl: 1h\n")
    start(machine)
    with machine.connect() as client:
        machine.path(CONFIGURATION).chmod(0o600)
        machine.must("systemctl", "reload", "leased.service")
        eventually(lambda: "the old one stays in force" in machine.journal(), 20, "a word in the journal")
        assert is_refused(client, "2h")


# The watchdog


def survives_the_watchdog(machine: Machine, stop: signal.Signals) -> None:
    """Clients of a daemon that hangs: those that wait are not refused, and their leases are unchanged."""
    start(machine)
    pid = machine.main_pid()
    with machine.connect(timeout=60) as client:
        token = client.call("ACQUIRE", "mine", "1h")
        machine.signal(stop)
        client.send("PING")
        with machine.connect(timeout=60) as late:
            # Accepted by the kernel; it may end with the daemon, or be served by the next one.
            late.send("PING")
            eventually(lambda: machine.main_pid() not in {0, pid}, 60, "another daemon")
        try:
            while client.receive() != PONG:
                pass
        except ClosedError:
            pass
    machine.becomes("leased.service", "active")
    with machine.connect() as client:
        assert client.call("RENEW", "mine", token, "1h") > token
    text = machine.journal()
    assert "Watchdog timeout" in text
    assert "Failed with result 'watchdog'" in text
    assert "timed out. Killing" not in text, "SIGABRT was enough, and nobody waited for SIGKILL"


def test_the_watchdog_kills_a_stopped_daemon_and_clients_carry_on(machine: Machine) -> None:
    machine.drop_in("leased.service", "[Service]\nWatchdogSec=2s\n")
    survives_the_watchdog(machine, signal.SIGSTOP)


def test_the_watchdog_kills_a_daemon_whose_engine_hangs_and_clients_carry_on(machine: Machine) -> None:
    machine.drop_in("leased.service", "[Service]\nWatchdogSec=2s\nEnvironment=LEASED_TEST_HANG=1\n")
    survives_the_watchdog(machine, signal.SIGUSR1)
    assert "the engine hangs" in machine.journal()


def test_a_daemon_that_lives_is_left_alone(machine: Machine) -> None:
    machine.drop_in("leased.service", "[Service]\nWatchdogSec=1s\n")
    start(machine)
    pid, began = machine.main_pid(), now()
    with machine.connect() as client:
        for number in itertools.count():
            assert client.call("ACQUIRE", f"lease/{number}", "1h") > 0
            if now() > began + 4:
                break
    assert machine.main_pid() == pid


# Others of its kind


def test_a_further_instance_has_its_own_socket_store_and_configuration(machine: Machine) -> None:
    machine.write("/etc/leased/second.yaml", "limits:\n  longest-ttl: 1h\n")
    start(machine, "leased.service", "leased@second.service")
    with machine.connect() as first, machine.connect("/run/leased/second.sock") as second:
        first.call("ACQUIRE", "same", "1h")
        second.call("ACQUIRE", "same", "1h")
        assert is_refused(second, "2h")
        assert not is_refused(first, "2h")
    assert machine.path("/var/lib/leased@second/leased.db").exists()
    machine.must("systemctl", "restart", "leased@second.service")
    assert machine.must("leasectl", "list", "--socket", "/run/leased/second.sock")
    machine.must("systemctl", "stop", "leased@second.socket", "leased@second.service")
    with machine.connect() as first:
        assert first.call("PING") == PONG


def test_an_instance_without_its_configuration_says_so(machine: Machine) -> None:
    assert machine.run("systemctl", "start", "leased@third.service").returncode != 0
    assert machine.show("leased@third.service", "ExecMainStatus") == "78"
    assert "/etc/leased/third.yaml" in machine.journal("leased@third.service")


def test_a_users_own_daemon(machine: Machine) -> None:
    machine.must("useradd", "--create-home", "--uid", str(USER), "ann")
    machine.must("install", "-d", "-o", "ann", "-m", "700", f"/run/user/{USER}")
    machine.unit(
        "ann.service",
        "[Service]\nUser=ann\nType=notify\nDelegate=yes\n"
        f"Environment=XDG_RUNTIME_DIR=/run/user/{USER}\nExecStart=/lib/systemd/systemd --user\n",
    )
    start(machine, "ann.service")
    own = ["env", f"XDG_RUNTIME_DIR=/run/user/{USER}", "HOME=/home/ann"]
    machine.must(*own, "systemctl", "--user", "start", "leased.socket", user=str(USER))
    assert machine.must(*own, "leasectl", "--user", "ping", user=str(USER))
    path = f"/run/user/{USER}/leased/leased.sock"
    assert machine.path("/home/ann/.local/state/leased/leased.db").exists()
    token = machine.must(*own, "leasectl", "--user", "acquire", "mine", "1h", user=str(USER))
    machine.must(*own, "systemctl", "--user", "restart", "leased.service", user=str(USER))
    assert machine.must(*own, "leasectl", "--user", "check", "mine", token, user=str(USER)) is not None
    assert machine.path(path).stat().st_mode & 0o777 == 0o600
