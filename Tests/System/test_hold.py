"""`leasectl hold`: the lease of a systemd unit, held only by time."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import eventually, now
from harness.ctl import Ctl, finish
from harness.daemon import Daemon
from harness.notify import NotifyListener
from harness.resp import Connection
from harness.waiting import await_waiters, free

SHORT = ["--ttl", "4s", "--grace", "1s"]


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


@pytest.fixture
def judge(daemon: Daemon) -> Iterator[Connection]:
    with daemon.connect() as connection:
        yield connection


@pytest.fixture
def listener(ctl: Ctl, tmp_path: Path) -> Iterator[NotifyListener]:
    """Receives what `hold` tells its service manager."""
    made = NotifyListener(tmp_path / "notify")
    ctl.environment = {"NOTIFY_SOCKET": str(made.path)}
    yield made
    made.close()


def holds(judge: Connection, name: str) -> dict[str, object]:
    return eventually(lambda: judge.holder(name) or {}, 10, "the lease")


@pytest.mark.parametrize("short", ["HUP", "QUIT", "USR1", "USR2", "ALRM", "RTMIN"])
def test_each_signal_releases(ctl: Ctl, judge: Connection, listener: NotifyListener, name: str, short: str) -> None:
    process = ctl.spawn("hold", "--notify", name, start_new_session=True)
    listener.wait_for(lambda message: message.fields.get("READY") == "1", 10)
    assert judge.holder(name) is not None
    process.send_signal(signal.Signals[f"SIG{short}"])
    assert finish(process) == (0, "", "")
    assert judge.call("HOLDER", name) is None


@pytest.mark.parametrize("short", ["TERM", "USR1", "USR2"])
def test_each_signal_ends_the_wait(ctl: Ctl, judge: Connection, name: str, short: str) -> None:
    token = judge.call("ACQUIRE", name, "1h")
    process = ctl.spawn("hold", name, start_new_session=True)
    await_waiters(judge, name, 1)
    number = signal.Signals[f"SIG{short}"]
    process.send_signal(number)
    assert finish(process) == (128 + number, "", "")
    await_waiters(judge, name, 0)
    held = judge.holder(name)
    assert held is not None
    assert held["token"] == token


def test_a_signal_as_soon_as_others_see_it_held_releases(ctl: Ctl, judge: Connection, name: str) -> None:
    """For some milliseconds others see the lease held, but the holder does not know yet."""
    for _ in range(8):
        process = ctl.spawn("hold", name, start_new_session=True)
        while judge.call("HOLDER", name) is None:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert finish(process) == (0, "", "")
        assert judge.call("HOLDER", name) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_holds_until_a_signal_and_releases(ctl: Ctl, judge: Connection, name: str, number: int) -> None:
    process = ctl.spawn("hold", *SHORT, name, start_new_session=True)
    held = holds(judge, name)
    assert (held["bound"], held["tied"], held["ttl_ms"]) == (0, 0, 4_000)
    eventually(lambda: int(str(holds(judge, name)["renewals"])) >= 2, 15, "two renewals")
    assert holds(judge, name)["fence"] == held["fence"]
    assert process.poll() is None
    process.send_signal(number)
    status, out, _ = finish(process)
    assert status in {0, 128 + number}
    assert out == ""
    assert judge.call("HOLDER", name) is None


def test_it_waits_for_its_turn_and_says_ready_only_then(
    ctl: Ctl, judge: Connection, listener: NotifyListener, name: str
) -> None:
    token = judge.call("ACQUIRE", name, "1h")
    process = ctl.spawn("hold", "--notify", *SHORT, name)
    await_waiters(judge, name, 1)
    assert not any("READY" in message.fields for message in listener.messages)
    judge.call("RELEASE", name, token)
    ready = listener.wait_for(lambda message: message.fields.get("READY") == "1", 10)
    assert ready is not None
    assert ready.pid == process.pid
    held = judge.holder(name)
    assert held is not None, "it says so once it holds"
    assert held["fence"] > token
    process.send_signal(signal.SIGTERM)
    stopping = listener.wait_for(lambda message: "STOPPING" in message.fields, 10, give_up=lambda: False)
    assert process.wait(10) in {0, 143}
    assert stopping is None or stopping.fields["STOPPING"] == "1"
    assert judge.call("HOLDER", name) is None


def test_without_notify_it_says_nothing(ctl: Ctl, judge: Connection, listener: NotifyListener, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    holds(judge, name)
    process.send_signal(signal.SIGTERM)
    finish(process)
    assert listener.messages == []


def test_notify_without_a_service_manager_just_holds(ctl: Ctl, judge: Connection, name: str) -> None:
    process = ctl.spawn("hold", "--notify", *SHORT, name)
    holds(judge, name)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] in {0, 143}


def test_after_its_crash_the_lease_stays_until_its_ttl(ctl: Ctl, judge: Connection, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    held = holds(judge, name)
    left = judge.call("CHECK", name, held["fence"])  # type: ignore[arg-type]
    asked = now()
    process.kill()
    finish(process)
    for _ in range(3):
        again = judge.holder(name)
        assert again is not None, "units bound to it must have stopped before another holds"
        assert again["fence"] == held["fence"]
    free(judge, name, 15)
    assert now() >= asked + left / 1000 - 0.1


def test_it_exits_76_a_grace_before_the_deadline_if_it_cannot_renew(
    ctl: Ctl, daemon: Daemon, judge: Connection, name: str
) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    # Only a renewal shows that it knows of its grant.
    eventually(lambda: holds(judge, name)["renewals"], 10, "a renewal")
    daemon.pause()
    stopped = now()
    try:
        status, _, told = finish(process, 15)
    finally:
        daemon.signal(signal.SIGCONT)
    assert status == 76
    assert now() - stopped < 4, "before the deadline, which is 4 s after its last renewal"
    assert name in told


def test_it_holds_on_over_a_restart_of_the_daemon(ctl: Ctl, daemon: Daemon, name: str) -> None:
    process = ctl.spawn("hold", *SHORT, name)
    with daemon.connect() as judge:
        held = holds(judge, name)
    daemon.restart()
    with daemon.connect() as judge:
        before = int(str(holds(judge, name)["renewals"]))
        eventually(lambda: int(str(holds(judge, name)["renewals"])) > before, 10, "a renewal")
        assert holds(judge, name)["fence"] == held["fence"]
        process.send_signal(signal.SIGTERM)
        finish(process)
        assert judge.call("HOLDER", name) is None


@pytest.mark.parametrize("after", [[], ["--after", "1h"]], ids=["at once", "later"])
def test_a_revoked_hold_is_76(ctl: Ctl, judge: Connection, name: str, after: list[str]) -> None:
    process = ctl.spawn("hold", "--ttl", "60s", "--grace", "10s", name)
    holds(judge, name)
    started = now()
    ctl.answer("revoke", *after, name)
    status, _, told = finish(process)
    assert status == 76
    assert now() - started < 10
    assert name in told
    if after:
        held = judge.holder(name)
        assert held is not None, "what depends on it gets the time that is left to stop"
        assert held["state"] == b"revoking"
    else:
        free(judge, name)


def test_a_signal_while_it_waits_leaves_the_queue(ctl: Ctl, judge: Connection, name: str) -> None:
    judge.call("ACQUIRE", name, "1h")
    process = ctl.spawn("hold", name, start_new_session=True)
    await_waiters(judge, name, 1)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 128 + signal.SIGTERM
    await_waiters(judge, name, 0)


def test_of_two_the_second_takes_over(ctl: Ctl, judge: Connection, name: str) -> None:
    first = ctl.spawn("hold", *SHORT, name)
    fence = holds(judge, name)["fence"]
    second = ctl.spawn("hold", *SHORT, name)
    await_waiters(judge, name, 1)
    first.send_signal(signal.SIGTERM)
    finish(first)
    eventually(lambda: holds(judge, name)["fence"] != fence, 5, "the second")
    second.send_signal(signal.SIGTERM)
    finish(second)
    assert judge.call("HOLDER", name) is None


def test_it_needs_a_daemon_and_a_name(ctl: Ctl, daemon: Daemon, name: str) -> None:
    assert ctl("hold").returncode == 64
    daemon.stop()
    refused = ctl("hold", name)
    assert refused.returncode == 69
    assert re.search(re.escape(str(daemon.socket)), refused.stderr)
    daemon.start()


def test_a_ttl_without_room_for_the_grace_is_usage(ctl: Ctl, name: str) -> None:
    assert ctl("hold", "--ttl", "3s", "--grace", "1s", name).returncode == 64
