"""Leases for units: lease@.service, leader@.service and its target, ties across a restart, and the examples."""

import shutil
import signal
from collections.abc import Callable

import pytest

from harness.binaries import REPOSITORY
from harness.clock import eventually
from harness.machine import Machine
from harness.resp import OK, Connection

pytestmark = pytest.mark.machine

EXAMPLES = REPOSITORY / "systemd" / "examples"
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n"


@pytest.fixture(autouse=True)
def daemon_runs(machine: Machine) -> None:
    """The daemon runs on each machine."""
    machine.must("systemctl", "start", "leased.service")


def held(client: Connection, name: str) -> Callable[[], bool]:
    return lambda: client.holder(name) is not None


def free(client: Connection, name: str) -> Callable[[], bool]:
    return lambda: client.holder(name) is None


def fence(client: Connection, name: str) -> int:
    holder = client.holder(name)
    assert holder is not None, f"nobody holds {name}"
    return int(holder["fence"])


# lease@.service


def test_a_lease_unit_is_active_only_while_it_holds(machine: Machine) -> None:
    with machine.connect() as client:
        token = client.call("ACQUIRE", "backup", "1h")
        machine.must("systemctl", "start", "--no-block", "lease@backup.service")
        machine.becomes("lease@backup.service", "activating")
        eventually(lambda: client.holder("backup")["waiters"] == 1, 20, "the unit to wait in line")  # type: ignore[index]
        assert machine.state("lease@backup.service") == "activating"
        assert client.call("RELEASE", "backup", token) == OK
        machine.becomes("lease@backup.service", "active")
        assert fence(client, "backup") > token
        machine.must("systemctl", "stop", "lease@backup.service")
        assert client.holder("backup") is None, "a stop gives the lease back"
    assert machine.show("lease@backup.service", "Result") == "success"


@pytest.mark.parametrize(
    ("instance", "name"),
    [("backup-nightly", b"backup/nightly"), (None, b"two words, $HOME-100% \\ 'q'"), (None, "é-ß".encode())],
)
def test_an_instances_name_is_the_leases(machine: Machine, instance: str | None, name: bytes) -> None:
    escaped = instance or machine.must("systemd-escape", name.decode())
    machine.must("systemctl", "start", f"lease@{escaped}.service")
    with machine.connect() as client:
        assert held(client, name)()  # type: ignore[arg-type]
        assert [lease["name"] for lease in client.leases()] == [name]


def test_example_what_is_bound_to_a_lost_lease_stops(machine: Machine) -> None:
    machine.unit("archive.service", SERVICE)
    shutil.copytree(EXAMPLES / "archive.service.d", machine.path("/etc/systemd/system/archive.service.d"))
    machine.reload_units()
    machine.must("systemctl", "start", "archive.service")
    assert machine.state("lease@archive.service") == "active", "the job brought its lease along"
    with machine.connect() as client:
        assert held(client, "archive")()
        assert client.call("REVOKE", "archive") == 1
        machine.becomes("lease@archive.service", "failed")
        assert machine.show("lease@archive.service", "ExecMainStatus") == "76"
        machine.becomes("archive.service", "inactive")


def test_a_lease_unit_outlives_the_daemon(machine: Machine) -> None:
    machine.must("systemctl", "start", "lease@job.service")
    pid = machine.main_pid("lease@job.service")
    with machine.connect() as client:
        before = fence(client, "job")
    machine.must("systemctl", "restart", "leased.service")
    machine.signal(signal.SIGKILL)
    with machine.connect() as client:
        assert fence(client, "job") == before
    assert machine.main_pid("lease@job.service") == pid
    machine.must("systemctl", "stop", "lease@job.service")
    with machine.connect() as client:
        assert client.holder("job") is None


def test_the_crash_of_a_holder_leaves_its_lease_until_the_bound_have_stopped(machine: Machine) -> None:
    machine.unit(
        "job.service",
        "[Unit]\nBindsTo=lease@job.service\nAfter=lease@job.service\n" + SERVICE,
    )
    machine.must("systemctl", "start", "job.service")
    machine.signal(signal.SIGKILL, "lease@job.service")
    machine.becomes("lease@job.service", "failed")
    machine.becomes("job.service", "inactive")
    with machine.connect() as client:
        assert held(client, "job")(), "nobody is granted before the time is over"


# leader@.service


def test_a_unit_runs_on_the_leader_alone_and_again_after_a_loss(machine: Machine) -> None:
    machine.unit("shop.service", SERVICE)
    shutil.copytree(EXAMPLES / "shop.service.d", machine.path("/etc/systemd/system/shop.service.d"))
    machine.reload_units()
    machine.must("systemctl", "add-wants", "leader@shop.target", "shop.service")
    with machine.connect() as client:
        other = client.call("ACQUIRE", "leader/shop", "1h")
        machine.must("systemctl", "start", "--no-block", "leader@shop.service")
        eventually(lambda: client.holder("leader/shop")["waiters"] == 1, 20, "the campaign")  # type: ignore[index]
        states = [machine.state(unit) for unit in ["leader@shop.service", "leader@shop.target", "shop.service"]]
        assert states == ["activating", "inactive", "inactive"]

        # The other leader stops; this one leads.
        assert client.call("RELEASE", "leader/shop", other) == OK
        machine.becomes("shop.service", "active")
        assert machine.state("leader@shop.target") == "active"
        first, worker = fence(client, "leader/shop"), machine.main_pid("shop.service")

        # The leadership is lost and won again, with a greater fence, by another run of the service.
        assert client.call("REVOKE", "leader/shop") == 1
        eventually(lambda: machine.main_pid("shop.service") not in {0, worker}, 60, "another run")
        assert fence(client, "leader/shop") > first
        assert machine.state("leader@shop.target") == "active"

        # Given up: the service has stopped before anybody else can lead.
        machine.must("systemctl", "stop", "leader@shop.service")
        assert machine.state("shop.service") == "inactive"
        assert client.holder("leader/shop") is None


def test_a_follower_is_out_of_the_way_of_the_boot(machine: Machine) -> None:
    """multi-user.target wants it and does not wait for it."""
    with machine.connect() as client:
        client.call("ACQUIRE", "leader/shop", "1h")
        machine.must("systemctl", "enable", "leader@shop.service")
        machine.must("systemctl", "start", "--no-block", "multi-user.target", timeout=60)
        machine.becomes("multi-user.target", "active")
        eventually(lambda: client.holder("leader/shop")["waiters"] == 1, 20, "the campaign")  # type: ignore[index]


# Ties


def test_a_job_and_its_tie_outlive_a_restart_of_the_daemon(machine: Machine) -> None:
    machine.must("mkfifo", "/tmp/go")
    job = machine.spawn("leasectl", "run", "--try", "job", "sh", "-c", "read word < /tmp/go; exit 7")
    with machine.connect() as client:
        eventually(lambda: (client.holder("job") or {}).get("tied") == 1, 20, "the tie")
        before = fence(client, "job")
    stored = "NFileDescriptorStore"
    eventually(lambda: machine.show("leased.service", stored) == "1", 20, "the tie in the descriptor store")
    for number in range(2):
        if number:
            machine.signal(signal.SIGKILL)
            eventually(lambda: machine.show("leased.service", "NRestarts") == "1", 30, "the restart")
        else:
            machine.must("systemctl", "restart", "leased.service")
        with machine.connect() as client:
            holder = client.holder("job")
            assert holder is not None
            assert (holder["fence"], holder["tied"]) == (before, 1), "the tie came back from the descriptor store"
    assert job.poll() is None
    machine.must("sh", "-c", "echo go > /tmp/go")
    assert job.wait(30) == 7
    with machine.connect() as client:
        eventually(free(client, "job"), 20, "the release")
    eventually(lambda: machine.show("leased.service", stored) == "0", 20, "an empty descriptor store")


def test_a_holder_that_dies_while_the_daemon_is_away_is_found_dead(machine: Machine) -> None:
    job = machine.spawn("leasectl", "run", "--try", "--ttl", "1h", "job", "sleep", "infinity")
    with machine.connect() as client:
        eventually(lambda: (client.holder("job") or {}).get("tied") == 1, 20, "the tie")
    machine.signal(signal.SIGSTOP)
    machine.must("pkill", "--signal", "KILL", "-x", "leasectl")
    # The parent-death signal may have been faster.
    machine.run("pkill", "--signal", "KILL", "-x", "sleep")
    job.wait(30)
    machine.signal(signal.SIGKILL)
    with machine.connect(timeout=60) as client:
        eventually(free(client, "job"), 30, "the end of a lease whose holder is dead, an hour before its time")


# The examples


def program(machine: Machine, name: str, body: str) -> None:
    path = f"/usr/local/bin/{name}"
    machine.write(path, f"#!/bin/sh\n{body}\n")
    machine.path(path).chmod(0o755)


def example(machine: Machine, name: str) -> None:
    source, place = EXAMPLES / name, machine.path(f"/etc/systemd/system/{name}")
    if source.is_dir():
        shutil.copytree(source, place)
    else:
        shutil.copy(source, place)
    machine.reload_units()


def test_example_a_nightly_job_is_skipped_while_its_lease_is_held(machine: Machine) -> None:
    program(machine, "nightly", "echo ran >> /tmp/ran")
    example(machine, "nightly.service")
    with machine.connect() as client:
        token = client.call("ACQUIRE", "nightly", "1h")
        machine.must("systemctl", "start", "nightly.service")
        assert not machine.path("/tmp/ran").exists()
        client.call("RELEASE", "nightly", token)
        machine.must("systemctl", "start", "nightly.service")
        assert machine.path("/tmp/ran").read_text() == "ran\n"
        assert client.holder("nightly") is None


def test_example_a_guard_skips_a_run_and_is_no_failure(machine: Machine) -> None:
    program(machine, "report", "leasectl status report > /tmp/ran")
    machine.unit("report.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/report\n")
    example(machine, "report.service.d")
    with machine.connect() as client:
        token = client.call("ACQUIRE", "report", "1h")
        machine.must("systemctl", "start", "report.service")
        assert machine.state("report.service") == "inactive"
        assert "exec-condition" in machine.journal("report.service")
        assert not machine.path("/tmp/ran").exists()
        assert fence(client, "report") == token, "a run that was skipped leaves the other's lease alone"
        client.call("RELEASE", "report", token)
        machine.must("systemctl", "start", "report.service")
        assert "report" in machine.path("/tmp/ran").read_text(), "the lease was held while the job ran"
        eventually(free(client, "report"), 20, "the release")
    # A daemon that cannot be reached is a failure.
    machine.must("systemctl", "mask", "--now", "leased.service", "leased.socket")
    assert machine.run("systemctl", "start", "report.service").returncode != 0
    assert machine.state("report.service") == "failed"


def test_example_a_guard_of_instances_gives_back_no_others_lease(machine: Machine) -> None:
    machine.unit("report@.service", SERVICE)
    shutil.copytree(EXAMPLES / "report.service.d", machine.path("/etc/systemd/system/report@.service.d"))
    machine.reload_units()
    machine.must("systemctl", "start", "report@1.service")
    with machine.connect() as client:
        first = fence(client, "report")
        machine.must("systemctl", "start", "report@2.service")
        machine.becomes("report@2.service", "inactive")
        assert machine.state("report@1.service") == "active"
        assert fence(client, "report") == first
        machine.must("systemctl", "stop", "report@1.service")
        eventually(free(client, "report"), 20, "the release")


def test_example_of_a_pair_one_works(machine: Machine) -> None:
    program(machine, "worker", "echo $$ > /tmp/worker; exec sleep infinity")
    example(machine, "pair@.service")
    machine.must("systemctl", "start", "pair@1.service")
    with machine.connect() as client:
        eventually(held(client, "pair"), 20, "the first to lead")
        first = fence(client, "pair")
        machine.must("systemctl", "start", "pair@2.service")
        eventually(lambda: client.holder("pair")["waiters"] == 1, 20, "the second to wait")  # type: ignore[index]
        assert machine.must("pgrep", "-xc", "sleep") == "1"
        machine.must("systemctl", "stop", "pair@1.service")
        eventually(lambda: (client.holder("pair") or {"fence": 0})["fence"] > first, 30, "the second to lead")
        eventually(lambda: machine.run("pgrep", "-xc", "sleep").stdout.strip() == "1", 20, "the second's worker")


def test_example_a_job_writes_and_gives_its_lease_back_at_a_shutdown(machine: Machine) -> None:
    # Its stop takes longer than that of a daemon with no clients.
    program(
        machine,
        "worker",
        'echo $$ > /tmp/worker\n'
        'trap \'leasectl put --if "$LEASE_NAME:$LEASE_TOKEN" last one; leasectl info > /dev/null;'
        ' leasectl put --if "$LEASE_NAME:$LEASE_TOKEN" last two; exit 0\' TERM\n'
        "while :; do sleep 1; done",
    )
    example(machine, "pair@.service")
    machine.must("systemctl", "start", "pair@1.service", "pair@2.service", "lease@shop.service")
    with machine.connect() as client:
        eventually(lambda: machine.path("/tmp/worker").exists(), 20, "one to work")
        eventually(lambda: client.holder("pair")["waiters"] == 1, 20, "the other to wait")  # type: ignore[index]
    # The daemon's stop is requested while theirs are under way, as at a shutdown.
    units = ["pair@1.service", "pair@2.service", "lease@shop.service"]
    machine.must("systemctl", "stop", *units, "leased.socket", "leased.service")
    assert [(machine.state(unit), machine.show(unit, "Result")) for unit in units] == [("inactive", "success")] * 3
    machine.must("systemctl", "start", "leased.service")
    with machine.connect() as client:
        assert client.call("GET", "last") == b"two"
        assert client.holder("pair") is None
        assert client.holder("shop") is None


@pytest.mark.parametrize("unit", ["lease@backup.service", "leader@shop.service"])
def test_a_unit_that_is_stopped_while_it_waits_has_not_failed(machine: Machine, unit: str) -> None:
    name = "backup" if unit.startswith("lease@") else "leader/shop"
    with machine.connect() as client:
        client.call("ACQUIRE", name, "1h")
        machine.must("systemctl", "start", "--no-block", unit)
        eventually(lambda: client.holder(name)["waiters"] == 1, 20, "the unit to wait in line")  # type: ignore[index]
        machine.must("systemctl", "stop", unit)
    assert (machine.state(unit), machine.show(unit, "Result")) == ("inactive", "success")


def test_example_two_units_exclude_each_other_and_neither_is_killed(machine: Machine) -> None:
    for name in ["reindex", "vacuum"]:
        program(machine, name, f"echo {name} begins >> /tmp/log; read word < /tmp/{name}; echo {name} ends >> /tmp/log")
        machine.unit(f"{name}.service", f"[Service]\nType=oneshot\nExecStart=/usr/local/bin/{name}\n")
        example(machine, f"{name}.service.d")
        machine.must("mkfifo", f"/tmp/{name}")
    log = machine.path("/tmp/log")
    machine.must("systemctl", "start", "--no-block", "reindex.service")
    eventually(lambda: log.exists() and "reindex begins" in log.read_text(), 30, "the first")
    machine.must("systemctl", "start", "--no-block", "vacuum.service")
    with machine.connect() as client:
        eventually(lambda: client.holder("database")["waiters"] == 1, 20, "the second to wait")  # type: ignore[index]
        assert machine.state("reindex.service") == machine.state("vacuum.service") == "activating"
        machine.must("sh", "-c", "echo go > /tmp/reindex")
        eventually(lambda: "vacuum begins" in log.read_text(), 30, "the second")
        machine.must("sh", "-c", "echo go > /tmp/vacuum")
        eventually(free(client, "database"), 20, "the end")
    machine.becomes("vacuum.service", "inactive")
    assert log.read_text().splitlines() == ["reindex begins", "reindex ends", "vacuum begins", "vacuum ends"]
    assert [machine.show(f"{name}.service", "Result") for name in ["reindex", "vacuum"]] == ["success"] * 2
