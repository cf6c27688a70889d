"""Wall clock steps, pauses, restarts and reboots: deadlines are on the boot clock, and no clock ends a lease early."""

import signal
import time
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness.clock import eventually, now, pass_instant
from harness.daemon import Daemon
from harness.faults import HOUR, WallClock
from harness.resp import OK, Connection
from harness.waiting import waiters


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


def assert_ends_on_time(client: Connection, name: str, sent: float, answered: float, ttl: float) -> None:
    """The lease ends `ttl` after its grant, which was between the send and the reply: neither early nor late."""
    while client.call("HOLDER", name) is not None:
        assert now() < answered + ttl + 15, "late"
        time.sleep(0.005)
    assert now() >= sent + ttl, "early"


# The wall clock


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_step_of_the_wall_clock_moves_no_deadline(
    make_daemon: MakeDaemon, wall: WallClock, name: str, step: int
) -> None:
    daemon = make_daemon(environment=wall.environment).start()
    with daemon.connect() as client:
        sent = now()
        token = client.call("ACQUIRE", name, "2s")
        answered = now()
        long = client.call("ACQUIRE", name + "-long", "1h")
        wall.step_to(step)
        assert 0 < client.call("CHECK", name, token) <= 2_000
        assert 3_590_000 < client.call("CHECK", name + "-long", long) <= 3_600_000
        assert_ends_on_time(client, name, sent, answered, 2)


def test_tokens_rise_over_steps_of_the_wall_clock(make_daemon: MakeDaemon, wall: WallClock, name: str) -> None:
    daemon = make_daemon(environment=wall.environment).start()
    last = 0
    for turn, offset in enumerate([0, -HOUR, HOUR, -HOUR, 0, 2 * HOUR, -2 * HOUR]):
        wall.step_to(offset)
        if turn % 3 == 2:
            daemon.restart()
        with daemon.connect() as client:
            before = time.time_ns() // 1000 + offset * 1_000_000
            tokens = [client.call("TOKEN"), client.call("ACQUIRE", f"{name}/{turn}", "1h")]
            tokens.append(client.call("RENEW", f"{name}/{turn}", tokens[-1], "1h"))
            assert tokens[0] > last
            assert tokens == sorted(set(tokens))
            assert tokens[0] >= before, "never behind the wall clock"
            last = tokens[-1]
    assert last > time.time_ns() // 1000 + 1.9 * HOUR * 1_000_000, "the step was seen at all"


def test_a_wall_clock_beyond_2112_is_ignored(make_daemon: MakeDaemon, wall: WallClock, name: str) -> None:
    wall.step_to(120 * 366 * 24 * HOUR)
    daemon = make_daemon(environment=wall.environment).start()
    with daemon.connect() as client:
        tokens = [client.call("TOKEN"), client.call("ACQUIRE", name, "30s"), client.call("TOKEN")]
        assert tokens == sorted(set(tokens))
        assert tokens[-1] < 2**52


def test_a_last_token_ahead_of_the_wall_goes_on_by_ones(make_daemon: MakeDaemon, wall: WallClock) -> None:
    daemon = make_daemon(environment=wall.environment)
    wall.step_to(24 * HOUR)
    daemon.start()
    with daemon.connect() as client:
        ahead = client.call("TOKEN")
    wall.step_to(0)
    daemon.restart()
    with daemon.connect() as client:
        assert [client.call("TOKEN") for _ in range(3)] == [ahead + 1, ahead + 2, ahead + 3]


def test_an_imported_token_ahead_of_the_wall_is_logged(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        behind = client.call("TOKEN")
        assert client.call("IMPORT", "KEY", name, "LEASE", behind, 1) == OK
        assert "ahead of the wall clock" not in daemon.log()
        ahead = behind + 10**12
        assert client.call("IMPORT", "KEY", name, "LEASE", ahead, 1) == OK
        assert client.call("TOKEN") > ahead
    assert f"token={ahead}" in daemon.log()


# A paused daemon


def test_a_pause_over_both_ends_grants_who_was_in_line(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client, daemon.connect() as other:
        client.call("ACQUIRE", name, "3s")
        answered = now()
        other.send("ACQUIRE", name, "30s", "WAIT", "3500ms")
        eventually(lambda: waiters(client, name) == 1, 10, "the wait")
        daemon.pause()
        pass_instant(answered + 5)
        daemon.signal(signal.SIGCONT)
        assert isinstance(other.receive(), int), "the lease was free before the wait was over"


def test_a_pause_over_the_deadline_ends_the_lease(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client, daemon.connect() as other:
        token = client.call("ACQUIRE", name, "1s")
        answered = now()
        daemon.pause()
        client.send("RENEW", name, token, "30s")
        client.send("CHECK", name, token)
        pass_instant(answered + 1)
        daemon.signal(signal.SIGCONT)
        assert [client.receive().word for _ in range(2)] == ["EXPIRED", "EXPIRED"], (
            "decided when decided, not when sent"
        )
        assert other.call("ACQUIRE", name, "30s") > token


# A restart in the same boot


def test_a_restart_leaves_what_is_left(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        sent = now()
        fence = client.call("ACQUIRE", name, "1m", "OWNER", "keeper", "REQUEST", "r" * 16)
        token = client.call("RENEW", name, fence, "30s")
        answered = now()
        before = client.holder(name)
    daemon.restart()
    with daemon.connect() as client:
        asked = now()
        left = client.call("CHECK", name, token)
        assert left <= 30_000 - (asked - answered) * 1000 + 50, "30 s is more than the grace: the deadline stays"
        assert left >= 30_000 - (now() - sent) * 1000 - 50
        after = client.holder(name)
        assert before is not None
        assert after is not None
        del before["remaining_ms"], after["remaining_ms"]
        assert before == after
        assert client.call("CHECK", name, fence) > 0
        assert client.call("RELEASE", name, token) == OK


def test_a_lease_that_ran_out_while_the_daemon_was_down_goes_on(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1500ms")
        answered = now()
    daemon.kill()
    pass_instant(answered + 1.5)
    daemon.start()
    with daemon.connect() as client:
        left = client.call("CHECK", name, token)
        assert left <= 1_500, "restart + min(TTL, 10 s)"
        assert left > 1_500 - (now() - daemon.spawned_at) * 1000 - 50
        assert client.error("ACQUIRE", name, "30s") == "CONFLICT"
        eventually(lambda: client.call("HOLDER", name) is None, 15, "the end of the grace")
        assert now() >= daemon.spawned_at + 1.5


def test_the_grace_is_ten_seconds_at_most(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        client.call("REVOKE", name)
        token = client.call("ACQUIRE", name, "12s")
        answered = now()
    daemon.kill()
    pass_instant(answered + 4)
    daemon.start()
    with daemon.connect() as client:
        left = client.call("CHECK", name, token)
        assert 8_000 < left <= 10_000, "8 s were left; ten, not twelve, are given"


def test_the_grace_is_given_once_for_each_grant_or_renewal(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "3s")
        answered = now()
    daemon.kill()
    pass_instant(answered + 1)
    daemon.start()
    first = daemon.ready_at
    pass_instant(first + 1)
    daemon.restart()
    with daemon.connect() as client:
        asked = now()
        assert client.call("CHECK", name, token) <= 3_000 - (asked - first) * 1000 + 50, "no second grace"
        renewed = client.call("RENEW", name, token, "3s")
        answered = now()
    daemon.kill()
    pass_instant(answered + 1)
    daemon.start()
    with daemon.connect() as client:
        left = client.call("CHECK", name, renewed)
        assert left > 3_000 - (now() - daemon.spawned_at) * 1000 - 50, "the renewal brought a new one"
    daemon.kill()
    pass_instant(daemon.ready_at + 3)
    daemon.start()
    with daemon.connect() as client:
        assert client.error("CHECK", name, renewed) == "EXPIRED", "the grace ran out while the daemon was down"
        assert client.call("HOLDER", name) is None


def test_an_end_that_was_shown_stays_over_a_restart(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1s")
        other = client.call("ACQUIRE", name + "-b", "1s")
        answered = now()
        pass_instant(answered + 1)
        assert client.error("CHECK", name, token) == "EXPIRED"
        assert client.call("HOLDER", name + "-b") is None
    daemon.restart()
    with daemon.connect() as client:
        assert client.error("CHECK", name, token) == "EXPIRED"
        assert client.error("RENEW", name + "-b", other, "30s") == "EXPIRED"
        assert client.leases("PREFIX", name) == []


def test_an_end_that_a_list_showed_stays_over_a_restart(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        client.call("ACQUIRE", name, "1s")
        answered = now()
        pass_instant(answered + 1)
        client.send("LEASES", "PREFIX", name)
        assert client.receive() == []
        daemon.restart()
    with daemon.connect() as client:
        assert client.call("HOLDER", name) is None


def test_a_running_revocation_runs_on_without_grace(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
        sent = now()
        client.call("REVOKE", name, "AFTER", "2s")
        answered = now()
    daemon.restart()
    with daemon.connect() as client:
        assert client.error("RENEW", name, token, "30s") == "REVOKED"
        held = client.holder(name)
        assert held is not None
        assert held["state"] == b"revoking"
        asked = now()
        assert client.call("CHECK", name, token) <= 2_000 - (asked - answered) * 1000 + 50
        assert_ends_on_time(client, name, sent, answered, 2)


# A reboot: another time namespace


def rebooted(days: int = 1) -> list[str]:
    return ["unshare", "--time", "--fork", "--kill-child", "--boottime", str(days * 86_400)]


@pytest.mark.root
def test_after_a_reboot_the_remaining_time_comes_from_the_wall_clock(make_daemon: MakeDaemon, name: str) -> None:
    daemon = make_daemon().start()
    with daemon.connect() as client:
        sent = time.time()
        token = client.call("ACQUIRE", name, "30s")
        answered = time.time()
        short = client.call("ACQUIRE", name + "-short", "1s")
    daemon.kill()
    pass_instant(now() + 1.2)
    daemon.prefix = rebooted()
    daemon.start()
    with daemon.connect() as client:
        left = client.call("CHECK", name, token)
        assert 30_000 - (time.time() - sent) * 1000 - 100 <= left <= 30_000 - (time.time() - answered) * 1000 + 100
        assert client.error("CHECK", name + "-short", short) == "EXPIRED", "no grace after a reboot"
        assert client.call("ACQUIRE", name + "-short", "30s") > short


@pytest.mark.root
@pytest.mark.parametrize("step", [-HOUR, HOUR], ids=["back", "forward"])
def test_after_a_reboot_with_another_wall_clock_what_is_left_is_bounded(
    make_daemon: MakeDaemon, wall: WallClock, name: str, step: int
) -> None:
    daemon = make_daemon(environment=wall.environment).start()
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "30s")
    daemon.stop()
    wall.step_to(step)
    daemon.prefix = rebooted()
    daemon.start()
    with daemon.connect() as client:
        if step < 0:
            assert 25_000 < client.call("CHECK", name, token) <= 30_000, "at most the TTL"
        else:
            assert client.error("CHECK", name, token) == "EXPIRED", "at least nothing"
        assert client.call("ACQUIRE", name + "-new", "30s") > token
