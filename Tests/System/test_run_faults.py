"""`leasectl run` when things go wrong: the daemon dies, the lease is revoked, leasectl is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.clock import eventually, now, pass_instant
from harness.ctl import Ctl, Job, alive, finish, gone, stop_and_reap
from harness.daemon import Daemon

SHORT = ["--try", "--ttl", "4s", "--grace", "1s"]


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def renewals(daemon: Daemon, name: str) -> int:
    with daemon.connect() as client:
        held = client.holder(name)
        assert held is not None, "the lease was lost"
        return int(held["renewals"])


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


# The daemon


def test_a_job_never_notices_the_death_of_the_daemon(ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, 'tell fence "$LEASE_TOKEN"; wait_for_go')
    process = ctl.spawn("run", *SHORT, name, *job.command)
    fence = int(job.told("fence"))
    for _ in range(3):
        before = renewals(daemon, name)
        daemon.restart()
        eventually(lambda before=before: renewals(daemon, name) > before, 10, "a renewal with the new daemon")  # type: ignore[misc]
    with daemon.connect() as client:
        assert client.call("CHECK", name, fence) > 0, "the same tenure"
        assert ctl("run", "--try", name, "true").returncode == 75
        job.go()
        assert finish(process)[0] == 0
        assert client.call("ACQUIRE", name, "30s") > fence


def test_a_daemon_that_is_down_for_longer_than_the_ttl_is_no_loss(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path, 'tell fence "$LEASE_TOKEN"; wait_for_go')
    process = ctl.spawn("run", *SHORT, name, *job.command)
    fence = int(job.told("fence"))
    before = renewals(daemon, name)
    daemon.kill()
    pass_instant(now() + 6)
    assert alive(job.pid()), "nobody can be granted meanwhile, so the job runs on"
    daemon.start()
    eventually(lambda: renewals(daemon, name) > before, 10, "a renewal with the new daemon")
    with daemon.connect() as client:
        assert client.call("CHECK", name, fence) > 0
    job.go()
    assert finish(process)[0] == 0


def test_a_job_that_ends_while_the_daemon_is_down_ends_leasectl(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path, "wait_for_go; exit 5")
    process = ctl.spawn("run", *SHORT, name, *job.command)
    job.pid()
    daemon.kill()
    job.go()
    assert finish(process, 40)[0] == 5, "the job's own status"


# The lease


def test_a_revoked_lease_stops_the_job_with_76(ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "trap 'tell stopped 1; exit 0' TERM; while :; do sleep 0.1; done")
    process = ctl.spawn("run", *SHORT, name, *job.command)
    pid = job.pid()
    ctl.answer("revoke", name)
    status, _, told = finish(process)
    assert status == 76
    assert told.strip(), "and it says why"
    assert job.has_told("stopped"), "TERM came first"
    gone(pid)


def test_a_job_that_ignores_term_is_killed_with_its_whole_tree(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    body = """
setsid sh stubborn "$PWD" in_a_session_of_its_own &
(setsid sh stubborn "$PWD" double_forked &) &
(sh stubborn "$PWD" orphaned &)
exec sh stubborn "$PWD" main
"""
    job = Job(tmp_path, body)
    process = ctl.spawn("run", *SHORT, name, *job.command, stdout=None, stderr=None)
    tree = [int(job.told(which)) for which in ("main", "in_a_session_of_its_own", "double_forked", "orphaned")]
    ctl.answer("revoke", name)
    assert process.wait(30) == 76
    assert [pid for pid in tree if alive(pid)] == [], "nothing of the tree is left when leasectl ends"


def test_a_lease_that_another_took_is_lost(ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "while :; do sleep 0.1; done")
    process = ctl.spawn("run", *SHORT, name, *job.command)
    pid = job.pid()
    with daemon.connect() as client:
        # A forced end, at once: a plain REVOKE waits for the tie.
        client.call("KEYS", "REMOVE", name)
        other = client.call("ACQUIRE", name, "1h")
        assert finish(process)[0] == 76
        gone(pid)
        assert client.call("CHECK", name, other) > 0, "the other's lease was left alone"


# leasectl itself


def test_a_killed_leasectl_takes_its_job_with_it(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "trap '' TERM HUP INT; while :; do sleep 0.1; done")
    process = ctl.spawn("run", *SHORT, name, *job.command, stdout=None, stderr=None)
    pid = job.pid()
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone(pid, 10)


@pytest.mark.slow
def test_a_long_job_is_not_killed_by_an_idle_thread(ctl: Ctl, tmp_path: Path, name: str) -> None:
    """The parent-death signal fires when the thread that spawned the job ends, and thread pools end idle threads."""
    job = Job(tmp_path)
    process = ctl.spawn("run", "--try", name, *job.command)
    job.pid()
    pass_instant(now() + 25)
    assert process.poll() is None
    job.go()
    assert finish(process)[0] == 0


# Signals without a terminal


@pytest.mark.parametrize("short", ["USR1", "USR2", "HUP", "QUIT", "WINCH", "TERM"])
def test_signals_are_forwarded(ctl: Ctl, tmp_path: Path, name: str, short: str) -> None:
    job = Job(tmp_path, f"trap 'tell got {short}; exit 7' {short}; tell trapped 1; while :; do sleep 0.05; done")
    process = ctl.spawn("run", "--try", name, *job.command, start_new_session=True, stdout=None, stderr=None)
    job.told("trapped")
    process.send_signal(signal.Signals[f"SIG{short}"])
    assert job.told("got") == short
    assert process.wait(20) == 7


def test_a_command_that_has_left_its_group_is_signalled_too(ctl: Ctl, tmp_path: Path, name: str) -> None:
    program = """
import os, signal
parent_lives, write_end = os.pipe()
is_group, leader = os.pipe()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.close(write_end)
    os.write(leader, b"x")
    os.read(parent_lives, 1)
    os._exit(0)
os.read(is_group, 1)
os.setpgid(0, child)
print("moved", flush=True)
signal.pause()
"""
    process = ctl.spawn(
        "run", "--try", name, sys.executable, "-c", program, start_new_session=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "moved\n"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 128 + signal.SIGUSR1


def test_without_a_terminal_the_job_leads_a_group_of_its_own(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", "--try", name, *job.command, start_new_session=True)
    pid = job.pid()
    assert os.getpgid(pid) == pid != os.getpgid(process.pid)
    job.go()
    assert finish(process)[0] == 0


def test_a_second_term_kills_the_tree(ctl: Ctl, tmp_path: Path, name: str) -> None:
    body = "trap 'tell got 1' TERM; sh stubborn \"$PWD\" child & while :; do sleep 0.1; done"
    job = Job(tmp_path, body)
    process = ctl.spawn("run", "--try", name, *job.command, start_new_session=True, stdout=None, stderr=None)
    pid, child = job.pid(), int(job.told("child"))
    process.send_signal(signal.SIGTERM)
    job.told("got")
    assert process.poll() is None, "leasectl lives until the job is gone"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGKILL
    gone(pid)
    gone(child)
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None, "and the lease is free"


@pytest.mark.parametrize("to_group", [True, False], ids=["timeout", "service manager"])
def test_one_stop_that_is_delivered_twice_is_one(ctl: Ctl, tmp_path: Path, name: str, to_group: bool) -> None:
    """timeout(1) signals its child and then its own group; a service manager signals all processes, and one passes it
    on.
    """
    job = Job(tmp_path, "trap 'sleep 0.2; tell clean 1; exit 0' TERM; tell trapped 1; while :; do sleep 0.05; done")
    if to_group:
        command = ["run", "--try", name, *job.command]
    else:
        command = ["run", "--try", name + "-outer", *ctl.command("run", "--try", name, *job.command)]
    process = ctl.spawn(*command, start_new_session=True, stdout=None, stderr=None)
    job.told("trapped")
    inner = [process.pid] if to_group else children(process.pid)
    for pid in [process.pid, *inner]:
        os.kill(pid, signal.SIGTERM)
    assert job.told("clean") == "1"
    assert process.wait(20) == 0


def test_what_a_job_starts_to_clean_up_is_left_alone_until_the_grace_is_over(
    ctl: Ctl, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path, "trap 'sleep 1; tell slept $?; exit 3' TERM; tell trapped 1; while :; do sleep 0.05; done")
    process = ctl.spawn("run", "--try", "--ttl", "30s", "--grace", "10s", name, *job.command, stdout=None, stderr=None)
    job.told("trapped")
    with ctl.daemon.connect() as client:
        client.call("REVOKE", name)
    assert job.told("slept") == "0", "TERM is for who was there when it was sent"
    assert process.wait(20) == 76


def test_under_nohup_a_hangup_means_nothing(ctl: Ctl, tmp_path: Path, name: str) -> None:
    ctl.wrapper = ["nohup"]
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, name, *job.command, start_new_session=True, cwd=tmp_path)
    pid = job.pid()
    before = renewals(ctl.daemon, name)
    process.send_signal(signal.SIGHUP)
    eventually(lambda: renewals(ctl.daemon, name) > before, 10, "a renewal after the hangup")
    assert alive(pid)
    os.kill(pid, signal.SIGHUP)
    assert alive(pid), "the job ignores it, too"
    job.go()
    assert finish(process)[0] == 0


def test_a_stopped_leasectl_comes_back(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", "--try", "--ttl", "10s", "--grace", "1s", name, *job.command)
    job.pid()
    try:
        process.send_signal(signal.SIGSTOP)
        pass_instant(now() + 1)
        process.send_signal(signal.SIGCONT)
        before = renewals(ctl.daemon, name)
        eventually(lambda: renewals(ctl.daemon, name) > before, 10, "a renewal after the pause")
        job.go()
        assert finish(process)[0] == 0
    finally:
        stop_and_reap(process)
