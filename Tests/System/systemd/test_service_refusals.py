"""Wrong set-ups of leased.service: clear words in the journal, the right exit code, nothing lost."""

import threading

import pytest

from harness.binaries import REPOSITORY
from harness.clock import eventually
from harness.machine import SOCKET, Machine
from harness.resp import ClosedError, Simple

pytestmark = pytest.mark.machine

CONFIGURATION = "/etc/leased/leased.yaml"


def refuses(machine: Machine, status: int, *named: str, unit: str = "leased.service") -> None:
    assert machine.run("systemctl", "start", unit).returncode != 0
    assert machine.show(unit, "ExecMainStatus") == str(status)
    for text in named:
        assert text in machine.journal(unit)


def test_a_wrong_configuration_stops_the_start_and_no_client_is_refused(machine: Machine) -> None:
    machine.must("systemctl", "start", "leased.service")
    with machine.connect() as client:
        token = client.call("ACQUIRE", "mine", "1h")
    machine.must("systemctl", "stop", "leased.service")
    machine.write(CONFIGURATION, "limits:\n  longest-ttl: banana\n")
    refuses(machine, 78, "longest-ttl", "banana", CONFIGURATION)
    assert machine.state("leased.service") == "failed"

    # A waiting client makes systemd try the daemon again and again, but not so often that it gives up the socket.
    answers: list[object] = []

    def wait() -> None:
        while not answers:
            try:
                with machine.connect(timeout=90) as client:
                    answers.append(client.call("RENEW", "mine", token, "1h"))
            except ClosedError:
                continue
            except BaseException as error:
                answers.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    eventually(lambda: machine.journal().count("banana") >= 4, 30, "some starts in vain")
    assert machine.state("leased.socket") == "active"
    assert answers == []
    machine.write(CONFIGURATION, "")
    waiting.join(60)
    assert len(answers) == 1
    assert isinstance(answers[0], int), answers
    assert answers[0] > token


def test_a_failing_start_is_throttled(machine: Machine) -> None:
    """Without the pause in between, systemd's limit of 20 starts in 2 s would end the socket, and every client's wait.
    """
    machine.write(CONFIGURATION, "log-level: loud\n")
    machine.must("systemctl", "start", "leased.socket")
    with machine.connect(timeout=5) as client:
        client.send("PING")
        eventually(lambda: machine.journal().count("Failed with result") >= 5, 60, "five starts in vain")
        assert machine.show("leased.socket", "Result") == "success"
        assert machine.state("leased.socket") == "active"


@pytest.mark.parametrize(
    ("listen", "named"),
    [
        ("ListenDatagram=/run/leased/d", "is not a stream socket"),
        ("ListenSequentialPacket=/run/leased/q", "is not a stream socket"),
        ("ListenStream=127.0.0.1:7777", "is not a Unix socket"),
        ("ListenFIFO=/run/leased/f", "is not a socket"),
        (f"ListenStream={SOCKET}\nListenStream=/run/leased/other.sock", "2 sockets were passed"),
    ],
)
def test_a_socket_that_cannot_be_served_is_named(machine: Machine, listen: str, named: str) -> None:
    machine.unit("leased.socket", f"[Socket]\n{listen}\n")
    refuses(machine, 78, named)
    # Once repaired, it starts.
    machine.unit("leased.socket", f"[Socket]\nListenStream={SOCKET}\n")
    machine.must("systemctl", "stop", "leased.socket")
    machine.must("systemctl", "start", "leased.service")
    with machine.connect() as client:
        assert client.call("PING") == Simple("PONG")


def test_without_a_socket_a_missing_folder_is_named(machine: Machine) -> None:
    """The unit without its socket unit: the daemon makes the socket itself, if it may."""
    text = (REPOSITORY / "systemd/system/leased.service").read_text()
    alone = "\n".join(line for line in text.splitlines() if "leased.socket" not in line)
    machine.unit("alone.service", alone)
    refuses(machine, 77, "/run/leased", unit="alone.service")
    # With a runtime folder it can.
    machine.drop_in("alone.service", "[Service]\nRuntimeDirectory=leased\n")
    machine.must("systemctl", "start", "alone.service")
    with machine.connect() as client:
        assert client.call("PING") == Simple("PONG")


def test_a_store_that_is_none_is_left_as_it_is(machine: Machine) -> None:
    machine.must("install", "-d", "-o", "leased", "-g", "leased", "-m", "700", "/var/lib/leased")
    machine.write("/var/lib/leased/leased.db", "this is somebody's diary\n" * 100)
    machine.must("chown", "leased:", "/var/lib/leased/leased.db")
    refuses(machine, 65, "/var/lib/leased/leased.db")
    assert machine.path("/var/lib/leased/leased.db").read_text() == "this is somebody's diary\n" * 100
