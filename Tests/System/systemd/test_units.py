"""The units as files: the faults that systemd itself finds in them, and how much they leave exposed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.binaries import REPOSITORY
from harness.machine import Machine

UNITS = REPOSITORY / "systemd"
SERVICES = ["leased.service", "leased@.service", "lease@.service", "leader@.service"]


@pytest.mark.machine
def test_systemd_finds_no_fault_in_the_units(machine: Machine) -> None:
    instances = [
        path.name.replace("@.", "@backup-nightly.") for kind in ["system"] for path in (UNITS / kind).iterdir()
    ]
    checked = machine.run("systemd-analyze", "verify", "--man=no", *sorted(instances))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    own = [path.name for path in (UNITS / "user").iterdir()]
    checked = machine.run(
        "env", "XDG_RUNTIME_DIR=/run", "systemd-analyze", "--user", "verify", "--man=no", *sorted(own)
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.machine
def test_systemd_finds_no_fault_in_the_examples(machine: Machine) -> None:
    """A drop-in is checked together with a unit that it changes."""
    examples = UNITS / "examples"
    programs = ["nightly", "worker", "reindex", "vacuum", "report", "shop", "archive"]
    for program in programs:
        machine.write(f"/usr/local/bin/{program}", "#!/bin/sh\n")
        machine.path(f"/usr/local/bin/{program}").chmod(0o755)
    shutil.copytree(examples, machine.path("/etc/systemd/system"), dirs_exist_ok=True)
    units = [path.name.replace("@.", "@1.") for path in examples.iterdir() if path.suffix in {".service", ".timer"}]
    for folder in examples.glob("*.service.d"):
        name = folder.name.removesuffix(".d")
        machine.write(
            f"/etc/systemd/system/{name}", f"[Service]\nExecStart=/usr/local/bin/{name.removesuffix('.service')}\n"
        )
        units.append(name)
    assert len(units) == 8
    machine.reload_units()
    checked = machine.run("systemd-analyze", "verify", "--man=no", *sorted(units))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_leaves_at_most_an_exposure_of_one(service: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    # Only the last part of the path must be a unit's name.
    copy = Path(shutil.copy(UNITS / "system" / service, tmp_path))
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=10", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert found is not None, judged.stdout
    assert float(found[1]) <= 1.0


def settings(path: Path) -> list[str]:
    """The lines of a unit that are settings or headers."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("kind", ["socket", "service"])
def test_an_instance_is_the_machines_own_but_for_its_places(kind: str) -> None:
    one, many = (settings(UNITS / "system" / f"leased{at}.{kind}") for at in ["", "@"])
    differing = [(a, b) for a, b in zip(one, many, strict=True) if a != b]
    keys = {"Description", "Requires", "After", "ExecStart", "StateDirectory", "Also", "ListenStream"}
    assert {a.split("=")[0] for a, _ in differing} <= keys
    assert all("%i" in b for _, b in differing)


@pytest.mark.parametrize("service", SERVICES[:2])
def test_what_would_break_the_service_is_not_there(service: str) -> None:
    """`RuntimeDirectory=` would remove the socket's path at each restart; `PrivateUsers=` would hide who calls."""
    lines = settings(UNITS / "system" / service)
    assert not any(line.startswith(("RuntimeDirectory", "DynamicUser")) for line in lines)
    assert [line for line in lines if line.startswith("PrivateUsers")] == ["PrivateUsers=no"]
    for line in ["Type=notify", "Restart=on-failure", "StartLimitIntervalSec=0", "ExecReload=/bin/kill -HUP $MAINPID"]:
        assert line in lines


def test_the_watchdog_leaves_time_for_two_slow_commits() -> None:
    """Past twice `commit-timeout` the daemon itself stops feeding the watchdog; until then the manager must wait."""
    lines = settings(UNITS / "system" / "leased.service")
    watchdog = next(line for line in lines if line.startswith("WatchdogSec="))
    configuration = (UNITS / "leased.yaml").read_text()
    timeout = re.search(r"^commit-timeout: (\d+)s$", configuration, re.MULTILINE)
    assert timeout is not None
    assert watchdog == "WatchdogSec=3min"
    assert max(120, 2 * int(timeout[1])) <= 180


def test_the_descriptor_limit_has_room_for_all_connections() -> None:
    lines = dict(line.split("=", 1) for line in settings(UNITS / "system" / "leased.service") if "=" in line)
    connections = re.search(r"^  connections: (\d+)$", (UNITS / "leased.yaml").read_text(), re.MULTILINE)
    assert connections is not None
    assert int(lines["LimitNOFILE"]) >= int(connections[1]) + 1000
    assert int(lines["FileDescriptorStoreMax"]) >= int(connections[1])


def test_every_daemons_descriptor_store_has_room_for_all_ties() -> None:
    ties = re.search(r"^  ties: (\d+)$", (UNITS / "leased.yaml").read_text(), re.MULTILINE)
    assert ties is not None
    for unit in ["system/leased.service", "system/leased@.service", "user/leased.service"]:
        lines = dict(line.split("=", 1) for line in settings(UNITS / unit) if "=" in line)
        assert int(lines["FileDescriptorStoreMax"]) >= int(ties[1]), unit
