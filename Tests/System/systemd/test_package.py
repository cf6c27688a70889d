"""The Debian package on a booted machine: installed, used, upgraded under a job with a lease, removed, purged.

It contains the programs under test, debug or release. What is true only of a release, that it has just three
dependencies, is tested on the package that `make deb` has built.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import binaries
from harness.clock import eventually
from harness.machine import SOCKET, Caller, Machine
from harness.resp import Simple

VERSIONS = ["0.1.0~test1", "0.1.0~test2"]
CONFIGURATION = "/etc/leased/leased.yaml"
STORE = "/var/lib/leased/leased.db"


def build(folder: Path, version: str) -> Path:
    """A package of the programs under test."""
    environment = {
        **os.environ,
        "DEPENDS": "libc6, libsqlite3-0, libsystemd0",
        "COMPRESSION": "none",
        "STRIP": "no",
    }
    script = binaries.REPOSITORY / "packaging" / "deb.sh"
    command = [str(script), str(binaries.directory()), str(folder), version]
    made = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (package,) = folder.glob(f"leased_{version}_*.deb")
    return package


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two versions of the package."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb: packages are built and installed on Debian's kind of system")
    folder = tmp_path_factory.mktemp("packages")
    return [build(folder, version) for version in VERSIONS]


@pytest.fixture
def bare(tmp_path: Path, packages: list[Path]) -> Iterator[Machine]:
    """A machine without leased, with both packages in /out."""
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    nothing.chmod(0o755)
    made = Machine(tmp_path / "bare", nothing)
    try:
        made.boot()
        for package in packages:
            shutil.copy(package, made.path("/out"))
        yield made
    finally:
        made.discard()


def dpkg(machine: Machine, *words: str) -> None:
    machine.must("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *words)


def install(machine: Machine, version: str) -> None:
    (package,) = machine.path("/out").glob(f"leased_{version}_*.deb")
    # Not the triggers of other packages: indexing all man pages of this machine takes long.
    dpkg(machine, "--no-triggers", "--install", f"/out/{package.name}")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.machine
def test_a_package_is_installed_used_upgraded_removed_and_purged(bare: Machine) -> None:
    machine = bare
    install(machine, VERSIONS[0])

    # Installed: it runs now, and will at the machine's next start.
    assert machine.state("leased.service") == machine.state("leased.socket") == "active"
    assert machine.must("systemctl", "is-enabled", "leased.socket", "leased.service").split() == ["enabled"] * 2
    with machine.connect() as client:
        assert client.call("PING") == Simple("PONG")
    for page in ["man1/leasectl.1", "man5/leased.yaml.5", "man7/leased-protocol.7", "man8/leased.8"]:
        assert machine.path(f"/usr/share/man/{page}.gz").exists()
    assert machine.must("dpkg", "--verify", "leased") == ""

    # Used: by a member of its group, for a job.
    machine.must("useradd", "--uid", "12345", "--groups", "leased", "ann")
    group = machine.must("getent", "group", "leased").split(":")[2]
    machine.must("mkfifo", "--mode=666", "/tmp/go")
    job = machine.spawn(
        *["leasectl", "run", "--try", "job", "sh", "-c", "read word < /tmp/go; exit 7"], user="12345", groups=group
    )
    with machine.connect() as client:
        eventually(lambda: client.holder("job"), 20, "the job's lease")
        before = client.holder("job")
        assert before is not None
        kept = client.call("ACQUIRE", "kept", "1h")

    # Upgraded: nobody is refused, the job continues under its lease, and the administrator's configuration is kept.
    machine.write(CONFIGURATION, "limits:\n  longest-ttl: 1h\n")
    caller = Caller(machine)
    caller.start()
    pid = machine.main_pid()
    install(machine, VERSIONS[1])
    assert machine.must("dpkg-query", "--show", "--showformat=${Version}", "leased") == VERSIONS[1]
    assert machine.state("leased.service") == "active"
    assert machine.main_pid() != pid, "the new program runs"
    assert caller.finish() > 0
    assert machine.path(CONFIGURATION).read_text() == "limits:\n  longest-ttl: 1h\n"
    assert job.poll() is None
    with machine.connect() as client:
        after = client.holder("job")
        assert after is not None
        assert after["fence"] == before["fence"]
        assert client.call("CHECK", "kept", kept) > 0
    machine.must("sh", "-c", "echo go > /tmp/go")
    assert job.wait(30) == 7
    with machine.connect() as client:
        eventually(lambda: client.holder("job") is None, 20, "the release")

    # Removed: it is stopped, and its data stays.
    dpkg(machine, "--remove", "leased")
    assert not machine.path(SOCKET).exists()
    assert not machine.path("/usr/sbin/leased").exists()
    assert machine.run("systemctl", "is-active", "leased.service").returncode != 0
    assert machine.path(STORE).exists()
    assert machine.path(CONFIGURATION).exists()

    # Installed again, it continues from there.
    install(machine, VERSIONS[1])
    with machine.connect() as client:
        assert client.call("CHECK", "kept", kept) > 0

    # Purged: nothing remains but the user.
    dpkg(machine, "--purge", "leased")
    left = [path for path in ["/var/lib/leased", "/etc/leased", SOCKET] if machine.path(path).exists()]
    assert left == []
    named = machine.must("find", "/etc/systemd", "/var/lib/systemd", "/usr/lib/systemd", "-name", "*leased*")
    assert named == ""
    assert machine.must("getent", "passwd", "leased")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.machine
def test_what_an_administrator_has_disabled_stays_so_over_an_upgrade(bare: Machine) -> None:
    install(bare, VERSIONS[0])
    bare.must("systemctl", "disable", "--now", "leased.service", "leased.socket")
    bare.must("systemctl", "mask", "leased.service")
    install(bare, VERSIONS[1])
    assert bare.run("systemctl", "is-enabled", "leased.service").stdout.strip() == "masked"
    assert bare.run("systemctl", "is-enabled", "leased.socket").stdout.strip() == "disabled"
    assert bare.run("systemctl", "is-active", "leased.service").returncode != 0


@pytest.fixture(scope="session")
def released() -> Path:
    """The package that `make deb` has built, or the one in LEASED_DEB."""
    if named := os.environ.get("LEASED_DEB"):
        return Path(named)
    built = sorted((binaries.REPOSITORY / ".build").glob("leased_*.deb"))
    if not built:
        pytest.skip("no package of a release: run `make deb` first, or set LEASED_DEB")
    return built[-1]


def field(package: Path, name: str) -> str:
    shown = subprocess.run(["dpkg-deb", "--field", str(package), name], check=True, capture_output=True, text=True)
    return shown.stdout.strip()


def test_a_release_needs_three_packages_and_no_more(released: Path) -> None:
    names = {re.split(r"[ (]", each.strip())[0] for each in field(released, "Depends").split(",")}
    assert names == {"libc6", "libsqlite3-0", "libsystemd0"}


def test_a_release_needs_the_c_library_that_knows_its_relocations(released: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(released), str(tmp_path)], check=True)
    program = str(tmp_path / "usr/sbin/leased")
    shown = subprocess.run(["readelf", "--dynamic", "--wide", program], check=True, capture_output=True, text=True)
    if "(RELR)" not in shown.stdout:
        pytest.skip("the release was built where the C library does not know packed relocations")
    version = re.search(r"libc6 \(>= (\d+)\.(\d+)", field(released, "Depends"))
    assert version is not None
    assert (int(version[1]), int(version[2])) >= (2, 36)


def test_a_release_has_no_hook_for_tests(released: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(released), str(tmp_path)], check=True)
    program = (tmp_path / "usr/sbin/leased").read_bytes()
    assert b"LEASED_SOCKET" in program or b"commit-timeout" in program, "strings can be found in the program"
    assert b"LEASED_TEST_HANG" not in program


def test_lintian_finds_no_error(released: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("needs lintian")
    judged = subprocess.run(["lintian", "--fail-on=error", str(released)], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr
