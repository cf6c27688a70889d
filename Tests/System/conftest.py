"""Fixtures of all system tests. They are built on `harness/`."""

import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import machine as machines
from harness.daemon import Daemon
from harness.machine import Machine
from harness.resp import Connection

_numbers = itertools.count(1)
_skipped_for_root: list[str] = []


def pytest_configure() -> None:
    """Processes that these tests start must die of signals, even if the tests themselves were started in the
    background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that cannot run here are skipped with a reason, never silently passed."""
    booting = [item for item in items if item.get_closest_marker("machine")]
    if booting and (reason := machines.unavailable()):
        for item in booting:
            _skipped_for_root.append(item.nodeid)
            item.add_marker(pytest.mark.skip(reason=reason))
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            _skipped_for_root.append(item.nodeid)
            item.add_marker(pytest.mark.skip(reason="needs root: namespaces, mounts or another user"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _skipped_for_root:
        terminalreporter.section("not tested")
        terminalreporter.line(f"{len(_skipped_for_root)} tests need root, or a systemd to boot, and did not run:")
        for identifier in _skipped_for_root:
            terminalreporter.line(f"  {identifier}")


MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[MakeDaemon]:
    """Makes daemons, not yet started, each in a temporary folder unless one is named. All are ended afterwards."""
    made: list[Daemon] = []

    def make(folder: Path | None = None, **details: Any) -> Daemon:
        daemon = Daemon(folder or tmp_path / f"d{len(made)}", **details)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.discard()


@pytest.fixture
def daemon(make_daemon: MakeDaemon) -> Daemon:
    """A running daemon for this test only, for tests that kill it or inspect it from outside."""
    return make_daemon().start()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One running daemon for all tests that only send commands; each test uses its own names."""
    daemon = Daemon(tmp_path_factory.mktemp("shared")).start()
    yield daemon
    assert daemon.running(), (
        f"the shared daemon has ended with {daemon.process and daemon.process.poll()}:\n{daemon.log()}"
    )
    daemon.stop()
    daemon.discard()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request: pytest.FixtureRequest) -> int:
    """Both protocol versions."""
    return int(request.param)


@pytest.fixture
def client(shared: Daemon, protocol: int) -> Iterator[Connection]:
    """A raw connection to the shared daemon, once in each protocol."""
    with shared.connect(protocol) as connection:
        yield connection


@pytest.fixture
def other(shared: Daemon) -> Iterator[Connection]:
    """A second connection to the shared daemon."""
    with shared.connect() as connection:
        yield connection


@pytest.fixture
def name() -> str:
    """A lease name that no other test uses."""
    return f"lease-{next(_numbers)}"


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that are installed on each machine."""
    return machines.stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture
def machine(tmp_path: Path, staged: Path) -> Iterator[Machine]:
    """A booted machine for this test only, with a real systemd; leased is installed, but nothing of it is started."""
    made = Machine(tmp_path / f"m{next(_numbers)}", staged)
    try:
        yield made.boot()
    finally:
        made.discard()


@pytest.fixture
def strays() -> Iterator[list[int]]:
    """Processes that a test may leave behind; they are killed."""
    found: list[int] = []
    yield found
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
