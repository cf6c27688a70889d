"""`leasectl hold --notify` as the main process of a service: ready once it holds, and 76 before another can hold."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import eventually, now, pass_instant
from harness.ctl import Ctl, finish
from harness.daemon import Daemon
from harness.notify import NotifyListener

SHORT = ["--ttl", "4s", "--grace", "1s"]


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


@pytest.fixture
def manager(ctl: Ctl, tmp_path: Path) -> Iterator[NotifyListener]:
    """The service manager of `ctl`."""
    listener = NotifyListener(tmp_path / "notify")
    ctl.environment = {"NOTIFY_SOCKET": str(listener.path)}
    yield listener
    listener.close()


def test_it_is_ready_when_it_holds_and_not_before(ctl: Ctl, manager: NotifyListener, name: str) -> None:
    with ctl.daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
        process = ctl.spawn("hold", "--notify", *SHORT, "--", name)
        assert manager.wait_for(lambda m: "waiting" in m.fields.get("STATUS", ""), 20) is not None

        def waits() -> bool:
            held = client.holder(name)
            return held is not None and held["waiters"] == 1

        eventually(waits, 10, "the waiter")
        assert not any("READY" in m.fields for m in manager.messages)
        client.call("RELEASE", name, token)
        ready = manager.wait_for(lambda m: m.fields.get("READY") == "1", 20)
        assert ready is not None
        assert ready.pid == process.pid
        held = client.holder(name)
        assert held is not None
        assert (held["bound"], held["tied"]) == (0, 0)
        assert str(held["fence"]) in ready.fields["STATUS"]
        process.send_signal(signal.SIGTERM)
        assert finish(process) == (0, "", "")
        assert client.holder(name) is None, "released"
    assert manager.wait_for(lambda m: m.fields.get("STOPPING") == "1", 5) is not None


def test_it_renews_and_outlives_a_restart_of_the_daemon(ctl: Ctl, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)

    def renewals() -> int:
        with ctl.daemon.connect() as client:
            held = client.holder(name)
            return -1 if held is None else int(held["renewals"])

    for _ in range(2):
        eventually(lambda: renewals() >= 1, 10, "a renewal")
        before = renewals()
        ctl.daemon.restart()
        eventually(lambda before=before: renewals() > before, 10, "a renewal with the new daemon")  # type: ignore[misc]
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "", "")


def test_a_killed_one_leaves_the_lease_until_its_ttl(ctl: Ctl, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    with ctl.daemon.connect() as client:
        eventually(lambda: client.holder(name), 10, "the lease")
        process.kill()
        process.wait()
        killed = now()
        held = client.holder(name)
        assert held is not None, "units that are bound to it have yet to stop"
        eventually(lambda: client.holder(name) is None, 10, "the end of the TTL")
        assert now() - killed > 1


def test_it_exits_before_the_deadline_when_it_cannot_renew(ctl: Ctl, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    with ctl.daemon.connect() as client:
        eventually(lambda: (client.holder(name) or {}).get("renewals"), 10, "a renewal")
    ctl.daemon.kill()
    killed = now()
    status, _, told = finish(process, 20)
    assert status == 76
    assert told.strip()
    assert now() - killed < 4, "before the deadline"


def test_a_revoked_one_exits_and_leaves_the_time_that_is_left(ctl: Ctl, name: str) -> None:
    process = ctl.spawn("hold", "--ttl", "1h", name)
    with ctl.daemon.connect() as client:
        eventually(lambda: client.holder(name), 10, "the lease")
        ctl.answer("revoke", "--after", "1h", "--reason", "a move", name)
        status, _, told = finish(process, 20)
        assert status == 76
        assert "a move" in told
        held = client.holder(name)
        assert held is not None
        assert held["state"] == b"revoking"


def test_a_signal_while_it_waits_leaves_the_queue(ctl: Ctl, name: str) -> None:
    with ctl.daemon.connect() as client:
        client.call("ACQUIRE", name, "1h")
        process = ctl.spawn("hold", name)

        def waiters() -> int:
            held = client.holder(name)
            return 0 if held is None else int(held["waiters"])

        eventually(lambda: waiters() == 1, 10, "the waiter")
        process.send_signal(signal.SIGTERM)
        assert finish(process)[0] == 128 + signal.SIGTERM
        eventually(lambda: waiters() == 0, 10, "the empty queue")
        assert ctl("hold", "--try", name).returncode == 75


def test_a_stopped_one_that_comes_back_too_late_exits(ctl: Ctl, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    with ctl.daemon.connect() as client:
        eventually(lambda: (client.holder(name) or {}).get("renewals"), 10, "a renewal")
        process.send_signal(signal.SIGSTOP)
        pass_instant(now() + 4.5)
        assert client.holder(name) is None
        process.send_signal(signal.SIGCONT)
        assert finish(process, 10)[0] == 76
