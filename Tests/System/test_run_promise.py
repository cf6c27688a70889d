"""The promise of `leasectl run`: nobody else is granted while the job's process tree lives, whatever dies or stops."""

import contextlib
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from conftest import MakeDaemon
from harness.clock import eventually, now, pass_instant
from harness.ctl import Ctl, Job, alive, finish, gone
from harness.daemon import Daemon
from harness.holding import tie
from harness.processes import of_program, of_threads
from harness.resp import Connection
from harness.waiting import await_waiters, free, join, unanswered, waiters
from test_terminal import shell

TTL = 4.0
SHORT = ["--ttl", "4s", "--grace", "1s"]
#: A main process, a child in a separate session, and one that forked twice; all ignore TERM.
TREE = """
setsid sh keeper "$PWD" session &
(setsid sh keeper "$PWD" forked_twice &) &
exec sh keeper "$PWD" main
"""


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


@pytest.fixture
def judge(daemon: Daemon) -> Iterator[Connection]:
    with daemon.connect() as connection:
        yield connection


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    gone(pid)


def shown(judge: Connection, name: str) -> dict[str, Any]:
    held = judge.holder(name)
    assert held is not None, "the lease was given up"
    return held


def renewed(judge: Connection, name: str) -> None:
    """Waits for a renewal."""
    before = shown(judge, name)["renewals"]
    eventually(lambda: shown(judge, name)["renewals"] > before, 15, "a renewal")


# leasectl is killed


@pytest.mark.parametrize("past", [False, True], ids=["in time", "past the TTL"])
def test_grandchildren_of_a_killed_leasectl_keep_the_lease(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int], past: bool
) -> None:
    job = Job(tmp_path, TREE)
    process = ctl.spawn("run", *SHORT, name, *job.command, stdout=None, stderr=None)
    main, session, forked = [int(job.told(which)) for which in ("main", "session", "forked_twice")]
    strays += [main, session, forked]
    fence = shown(judge, name)["fence"]
    with join(ctl.daemon, judge, name) as waiter:
        process.kill()
        process.wait()
        gone(main, 5)
        if past:
            pass_instant(now() + TTL)
            assert shown(judge, name)["state"] == b"overdue"
        assert (shown(judge, name)["fence"], shown(judge, name)["tied"]) == (fence, 1)
        kill(session)
        assert shown(judge, name)["fence"] == fence
        assert unanswered(judge, waiter)
        kill(forked)
        assert waiter.receive() > fence


def test_a_leader_that_starts_after_a_restart_of_the_daemon_keeps_the_lease_with_its_tree(
    ctl: Ctl, tmp_path: Path, name: str, strays: list[int]
) -> None:
    """The restart came while the program of --on-win ran: processes that start later inherit the new tie."""
    win = tmp_path / "win"
    win.write_text(f"#!/bin/sh\ntouch {tmp_path}/winning\nread _ <{tmp_path}/on\n")
    win.chmod(0o755)
    os.mkfifo(tmp_path / "on")
    job = Job(tmp_path, 'setsid sh keeper "$PWD" session &\nexec sh keeper "$PWD" main')
    process = ctl.spawn("elect", "--once", "--on-win", str(win), *SHORT, name, *job.command, stdout=None, stderr=None)
    eventually((tmp_path / "winning").exists, 20, "the program of --on-win")
    ctl.daemon.restart()
    with ctl.daemon.connect() as judge:
        eventually(lambda: shown(judge, name)["tied"] == 1, 20, "the tie made anew")
        (tmp_path / "on").write_text("\n")
        main, session = [int(job.told(which)) for which in ("main", "session")]
        strays += [main, session]
        process.kill()
        process.wait()
        gone(main, 5)
        assert shown(judge, name)["tied"] == 1
        kill(session)
        free(judge, name)


@pytest.mark.parametrize("end", ["lost", "at-most"])
def test_stderr_that_nobody_reads_keeps_no_job_running(ctl: Ctl, tmp_path: Path, name: str, end: str) -> None:
    # A paused pager: the pipe is full, and stays full.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    limit = ["--at-most", "1s"] if end == "at-most" else []
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, *limit, name, *job.command, stdout=None, stderr=writer)
    try:
        pid = job.pid()
        if end == "lost":
            with ctl.daemon.connect() as other:
                assert other.call("REVOKE", name) == 1
        assert process.wait(30) == (124 if end == "at-most" else 76)
        assert not alive(pid)
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


def test_the_next_is_granted_within_a_tenth_of_a_second_of_the_last_process(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int]
) -> None:
    took = []
    for turn in range(5):
        lease = f"{name}/{turn}"
        job = Job(tmp_path, 'setsid sh keeper "$PWD" last & wait_for_go')
        process = ctl.spawn("run", *SHORT, lease, *job.command, stdout=None, stderr=None)
        last = int(job.told("last"))
        strays.append(last)
        with join(ctl.daemon, judge, lease) as waiter:
            process.kill()
            process.wait()
            gone(job.pid(), 5)
            assert unanswered(judge, waiter)
            os.kill(last, signal.SIGKILL)
            died = now()
            assert type(waiter.receive()) is int
            took.append(now() - died)
            assert not alive(last)
    assert statistics.median(took) < 0.1, took


@pytest.mark.root
def test_a_job_of_another_user_keeps_the_tie(ctl: Ctl, judge: Connection, name: str, strays: list[int]) -> None:
    """A change of user clears the parent-death signal: only the tie keeps the lease."""
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "1000"]
    process = ctl.spawn("run", *SHORT, name, *command, stdout=None, stderr=None)

    def sleeping() -> int:
        """The job's process once it has executed its program; any thread of leasectl may be its parent."""
        for children in of_threads(process.pid, "children").values():
            for child in map(int, children.split()):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if Path(f"/proc/{child}/comm").read_text() == "sleep\n":
                        return child
        return 0

    job = eventually(sleeping, 10, "the job as another user")
    assert os.stat(f"/proc/{job}").st_uid == 65534
    strays.append(job)
    eventually(lambda: shown(judge, name)["tied"], 10, "the tie")
    with join(ctl.daemon, judge, name) as waiter:
        process.kill()
        process.wait()
        pass_instant(now() + TTL + 0.5)
        assert alive(job)
        assert unanswered(judge, waiter)
        kill(job)
        assert type(waiter.receive()) is int


# Something is stopped past the TTL


def test_a_leasectl_that_is_stopped_past_the_ttl_gives_nothing_away(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int]
) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, name, *job.command, stdout=None, stderr=None)
    strays += [process.pid, job.pid()]
    fence = shown(judge, name)["fence"]
    with join(ctl.daemon, judge, name) as waiter:
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: shown(judge, name)["state"] == b"overdue", 10, "overdue")
        assert unanswered(judge, waiter)
        assert alive(job.pid())
        process.send_signal(signal.SIGCONT)
        eventually(lambda: shown(judge, name)["state"] == b"held", 10, "a renewal")
        assert shown(judge, name)["fence"] == fence
        assert unanswered(judge, waiter)
        job.go()
        assert process.wait(20) == 0
        assert waiter.receive() > fence


def test_a_job_that_is_stopped_past_the_ttl_gives_nothing_away(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str
) -> None:
    """Ctrl-Z at a terminal stops both leasectl and the job."""
    job = Job(tmp_path, "wait_for_go; echo it-went-on")
    child = shell(ctl)
    child.sendline(shlex.join(ctl.command("run", *SHORT, name, *job.command)))
    pid = job.pid()
    fence = shown(judge, name)["fence"]
    with join(ctl.daemon, judge, name) as waiter:
        child.sendcontrol("z")
        child.expect("Stopped")
        child.expect_exact("PROMPT> ")
        eventually(lambda: shown(judge, name)["state"] == b"overdue", 10, "overdue")
        assert unanswered(judge, waiter)
        child.sendline("fg")
        eventually(lambda: shown(judge, name)["state"] == b"held", 10, "a renewal")
        assert alive(pid)
        assert unanswered(judge, waiter)
        job.go()
        child.expect_exact("it-went-on")
        child.expect_exact("PROMPT> ")
        assert waiter.receive() > fence
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_a_daemon_that_is_stopped_past_the_ttl_gives_nothing_away(
    ctl: Ctl, judge: Connection, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, name, *job.command)
    job.pid()
    fence = shown(judge, name)["fence"]
    with join(daemon, judge, name) as waiter:
        daemon.pause()
        pass_instant(now() + TTL + 0.5)
        daemon.signal(signal.SIGCONT)
        assert shown(judge, name)["fence"] == fence
        assert unanswered(judge, waiter)
        eventually(lambda: shown(judge, name)["state"] == b"held", 10, "a renewal")
        renewed(judge, name)
        assert unanswered(judge, waiter)
        job.go()
        assert finish(process)[0] == 0
        assert waiter.receive() > fence


def test_a_daemon_that_is_away_past_the_ttl_finds_the_lease_tied_again(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, name, *job.command)
    job.pid()
    with daemon.connect() as judge:
        fence = shown(judge, name)["fence"]
    daemon.kill()
    pass_instant(now() + TTL + 0.5)
    daemon.start()
    with daemon.connect() as judge, join(daemon, judge, name) as waiter:
        eventually(lambda: shown(judge, name)["tied"], 10, "a new tie")
        renewed(judge, name)
        assert shown(judge, name)["fence"] == fence
        assert unanswered(judge, waiter)
        assert process.poll() is None
        job.go()
        assert finish(process) == (0, "", ""), "not a word: nothing was wrong"
        assert waiter.receive() > fence


# The lease is revoked


@pytest.mark.parametrize("after", [[], ["--after", "1h"], ["--after", "20s"]], ids=["default", "1h", "20s"])
def test_the_whole_tree_is_dead_before_anyone_else_is_granted(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int], after: list[str]
) -> None:
    job = Job(tmp_path, TREE)
    process = ctl.spawn("run", *SHORT, name, *job.command, stdout=None, stderr=None)
    tree = [int(job.told(which)) for which in ("main", "session", "forked_twice")]
    strays += tree
    with join(ctl.daemon, judge, name) as waiter:
        started = now()
        ctl.answer("revoke", *after, name)
        granted = waiter.receive()
        left = [pid for pid in tree if alive(pid)]
        assert type(granted) is int
        assert left == [], "granted while something of the job lived"
        assert now() - started >= 1, "the grace was kept"
        assert now() - started < 15
    assert process.wait(20) == 76


#: A process that replaces itself every 300 µs: it forks and ends, and its child continues. It stops after half a
#: minute.
RUNAWAY = """
#include <signal.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    signal(SIGTERM, SIG_IGN);
    setsid();
    for (time_t end = time(NULL) + 30; time(NULL) < end; usleep(300)) {
        if (fork() > 0) _exit(0);
    }
}
"""


def test_what_forks_and_ends_without_end_is_killed(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str
) -> None:
    """Faster than a list of all processes can be read."""
    source, program = tmp_path / "runaway.c", tmp_path / "runaway"
    source.write_text(RUNAWAY)
    subprocess.run(["gcc", "-Wall", "-Werror", "-O1", "-o", str(program), str(source)], check=True)
    process = ctl.spawn("run", "--ttl", "3s", "--grace", "300ms", name, "sh", "-c", f"{program} & exit 0")
    eventually(lambda: of_program(program), 20, "the runaway")
    ctl.answer("revoke", "--after", "1h", name)
    assert process.wait(20) == 76
    assert not of_program(program)
    assert judge.call("HOLDER", name) is None


def test_revoked_jobs_that_heed_term_end_at_once(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "trap 'tell stopped 1; exit 0' TERM; while :; do sleep 0.05; done")
    process = ctl.spawn("run", "--ttl", "60s", "--grace", "20s", name, *job.command)
    job.pid()
    started = now()
    ctl.answer("revoke", "--reason", "make room for others", name)
    status, _, told = finish(process)
    assert status == 76
    assert now() - started < 10, "told by the event, not by the next renewal"
    assert job.has_told("stopped")
    assert name in told
    free(judge, name)


# The job leaves something behind


LEAVES = 'setsid sh keeper "$PWD" left & while ! test -e left; do sleep 0.02; done; exit 3'


def test_by_default_the_lease_waits_for_what_the_job_leaves_behind(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int]
) -> None:
    job = Job(tmp_path, LEAVES)
    process = ctl.spawn("run", *SHORT, name, *job.command)
    left = int(job.told("left"))
    strays.append(left)
    gone(job.pid())
    renewed(judge, name)
    assert process.poll() is None
    assert ctl("run", "--try", name, "true").returncode == 75
    kill(left)
    assert finish(process)[0] == 3, "the main process's status"
    assert judge.call("HOLDER", name) is None


@pytest.mark.slow
def test_what_the_job_leaves_behind_is_named(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    job = Job(tmp_path, LEAVES)
    process = ctl.spawn("run", *SHORT, name, *job.command)
    left = int(job.told("left"))
    strays.append(left)
    gone(job.pid())
    ended = now()
    assert process.stderr is not None
    line = process.stderr.readline()
    assert now() - ended > 9
    assert str(left) in line or "sleep" in line
    kill(left)
    assert process.wait(10) == 3


def test_release_main_waits_for_the_main_process_alone(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int]
) -> None:
    job = Job(tmp_path, LEAVES)
    process = ctl.spawn("run", "--release", "main", *SHORT, name, *job.command, stdout=None, stderr=None)
    left = int(job.told("left"))
    strays.append(left)
    assert process.wait(10) == 3
    assert alive(left)
    assert judge.call("HOLDER", name) is None
    assert ctl("run", "--try", name, "true").returncode == 0


# A terminal, a pipe


def test_a_pager_behind_the_job_works(ctl: Ctl, judge: Connection, name: str) -> None:
    child = shell(ctl)
    command = shlex.join(ctl.command("run", *SHORT, name, "seq", "1", "100000"))
    child.sendline(f"TERM=vt100 LESS= {command} | TERM=vt100 LESS= less")
    child.expect(r"\b7\r?\n.*8\r?\n")
    assert shown(judge, name)["tied"] == 1
    child.send("q")
    child.expect_exact("PROMPT> ")
    free(judge, name)
    child.sendline("exit")
    child.expect(pexpect.EOF)


# What the job can do with what it inherits


ATTACK = """
import json, os, sys
victim, report = sys.argv[1:]
commands = f"REVOKE {victim}\\r\\nKEYS REMOVE {victim}\\r\\nPUT {victim} written\\r\\nPING\\r\\n".encode()
seen = {}
for fd in sorted(int(entry) for entry in os.listdir("/proc/self/fd")):
    if fd <= 2:
        continue
    said = b""
    try:
        target = os.readlink(f"/proc/self/fd/{fd}")
        if not target.startswith("socket:"):
            continue
        os.set_blocking(fd, False)
        try:
            os.write(fd, commands)
        except OSError:
            pass
        try:
            said = os.read(fd, 65536)
        except OSError:
            pass
        seen[fd] = said.decode("latin-1")
    except OSError:
        continue
with open(report + ".new", "w") as file:
    json.dump(seen, file)
os.rename(report + ".new", report)
sys.stdin.readline()
for fd in range(3, 65536):
    try:
        os.close(fd)
    except OSError:
        pass
os.rename(report, report + ".closed")
sys.stdin.readline()
"""


def test_a_job_can_do_nothing_with_what_it_inherits(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    victim, report, script = name + "-victim", tmp_path / "report", tmp_path / "attack.py"
    script.write_text(ATTACK)
    token = judge.call("ACQUIRE", victim, "1h")
    process = ctl.spawn(
        "run", *SHORT, name, sys.executable, "-S", str(script), victim, str(report), stdin=subprocess.PIPE
    )
    eventually(report.exists, 20, "the attack")
    seen = json.loads(report.read_text())
    assert len(seen) <= 1, "one tie at most"
    assert set(seen.values()) <= {""}, "no reply can be read"
    assert all(int(fd) >= 10 for fd in seen), "at a high number"
    for _ in range(3):
        assert judge.call("CHECK", victim, token) > 0
    assert judge.call("GET", victim) is None
    assert shown(judge, name)["state"] == b"held"
    renewed(judge, name)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    eventually(Path(f"{report}.closed").exists, 20, "the close of all descriptors")
    assert judge.call("CHECK", victim, token) > 0
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("\n")
        process.stdin.flush()
    status = process.wait(30)
    assert status in {0, 76}, "it may have given up its own tie, and nothing else"
    assert judge.call("CHECK", victim, token) > 0
    free(judge, name)


def test_the_command_connection_is_not_inherited(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    """Of leasectl's connections to the daemon, the job and its grandchildren inherit only the tie."""
    job = Job(tmp_path, 'sh keeper "$PWD" child & wait_for_go')
    process = ctl.spawn("run", *SHORT, name, *job.command)
    pid, child = job.pid(), int(job.told("child"))
    eventually(lambda: shown(judge, name)["tied"], 10, "the tie")

    def sockets(of: int) -> set[str]:
        links = [os.readlink(entry) for entry in Path(f"/proc/{of}/fd").iterdir()]
        return {link for link in links if link.startswith("socket:")}

    assert sockets(pid) == sockets(child)
    assert len(sockets(pid)) == 1
    kill(child)
    job.go()
    assert finish(process)[0] == 0


# Waiting


def test_run_waits_by_default_and_in_order(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    first = Job(tmp_path)
    running = [ctl.spawn("run", name, *first.command)]
    first.pid()
    jobs = [Job(tmp_path) for _ in range(3)]
    for number, job in enumerate(jobs, start=1):
        running.append(ctl.spawn("run", name, *job.command))
        await_waiters(judge, name, number)
    for previous, job in zip([first, *jobs], jobs, strict=False):
        assert not any(later.has_told("started") for later in jobs[jobs.index(job) :])
        previous.go()
        job.pid()
    jobs[-1].go()
    assert [finish(process) for process in running] == [(0, "", "")] * 4


def test_a_wait_that_times_out_is_75(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    judge.call("ACQUIRE", name, "1h", "OWNER", "somebody else")
    job, started = Job(tmp_path), now()
    refused = ctl("run", "--wait", "500ms", name, *job.command)
    assert refused.returncode == 75
    assert 0.5 <= now() - started < 10
    assert not job.has_told("started")
    assert ctl("run", "--wait", "100ms", "-E", "11", name, "true").returncode == 11
    assert ctl("run", "--wait", "100ms", "--skip-ok", name, "true").returncode == 0
    assert ctl("run", "--wait", "1s", "--try", name, "true").returncode == 64, "one or the other"
    assert waiters(judge, name) == 0


@pytest.mark.parametrize("short", ["TERM", "INT", "HUP", "QUIT", "KILL"])
def test_a_signal_ends_the_wait_at_once(ctl: Ctl, judge: Connection, tmp_path: Path, name: str, short: str) -> None:
    token = judge.call("ACQUIRE", name, "1h")
    job, number = Job(tmp_path), signal.Signals[f"SIG{short}"]
    process = ctl.spawn("run", name, *job.command, start_new_session=True)
    await_waiters(judge, name, 1)
    sent = now()
    process.send_signal(number)
    status, out, _ = finish(process)
    assert status == (-number if short == "KILL" else 128 + number)
    assert now() - sent < 5
    assert out == ""
    await_waiters(judge, name, 0)
    judge.call("RELEASE", name, token)
    assert judge.call("HOLDER", name) is None
    assert not job.has_told("started")


def test_ctrl_c_ends_a_wait_at_a_terminal(ctl: Ctl, judge: Connection, name: str) -> None:
    judge.call("ACQUIRE", name, "1h")
    program, *rest = ctl.command("run", name, "true")
    child: pexpect.spawn[Any] = pexpect.spawn(program, rest, env=ctl.environ(), timeout=20, use_poll=True)
    await_waiters(judge, name, 1)
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + signal.SIGINT
    await_waiters(judge, name, 0)


def test_a_wait_outlives_the_daemon(ctl: Ctl, daemon: Daemon, name: str) -> None:
    """Queues do not survive; `run` waits without limit, so it joins again."""
    with daemon.connect() as judge:
        token = judge.call("ACQUIRE", name, "1h")
        process = ctl.spawn("run", name, "echo", "ran")
        await_waiters(judge, name, 1)
    daemon.restart()
    with daemon.connect() as judge:
        await_waiters(judge, name, 1)
        assert process.poll() is None
        judge.call("RELEASE", name, token)
    assert finish(process)[:2] == (0, "ran\n")


def test_a_nested_run_waits_for_another_lease(ctl: Ctl, judge: Connection, name: str) -> None:
    token = judge.call("ACQUIRE", name + "-inner", "1h")
    inner = ctl.command("run", name + "-inner", "sh", "-c", 'echo "$LEASE_NAME $LEASE_TOKEN"')
    process = ctl.spawn("run", name, *inner)
    await_waiters(judge, name + "-inner", 1)
    outer = shown(judge, name)["fence"]
    judge.call("RELEASE", name + "-inner", token)
    status, out, err = finish(process)
    assert (status, err) == (0, "")
    lease, fence = out.split()
    assert lease == name + "-inner"
    assert int(fence) > outer


@pytest.mark.parametrize(
    "tail", [b"\xff\xfe", b" \t\n", b"\xc3(", b"\x01\x1b[31m", b"--x=y", b"$HOME`id`", "日本".encode(), b"n" * 900]
)
def test_a_lease_name_may_be_any_bytes(ctl: Ctl, judge: Connection, tmp_path: Path, name: str, tail: bytes) -> None:
    lease = name.encode() + tail
    job = Job(tmp_path, 'printf %s "$LEASE_NAME" >seen; tell written 1; wait_for_go')
    process = ctl.spawn("run", "--try", os.fsdecode(lease), *job.command)
    job.told("written")
    assert (job.folder / "seen").read_bytes() == lease
    assert judge.holder(lease) is not None
    job.go()
    assert finish(process)[0] == 0
    assert judge.call("HOLDER", lease) is None


# Options


def test_at_least_keeps_the_lease_after_a_short_job(ctl: Ctl, judge: Connection, name: str) -> None:
    started = now()
    assert ctl("run", "--try", "--at-least", "2s", name, "true").returncode == 0
    held = shown(judge, name)
    assert (held["tied"], held["bound"]) == (0, 0)
    assert 0 < held["remaining_ms"] <= 2_000
    assert ctl("run", "--try", name, "true").returncode == 75
    free(judge, name)
    assert started + 2 <= now(), "D after the grant"


def test_at_least_keeps_it_for_as_long_as_the_daemon_allows(make_daemon: MakeDaemon, name: str) -> None:
    ctl = Ctl(make_daemon(environment={"LEASED_LIMITS_LONGEST_TTL": "40s"}).start())
    done = ctl("run", "--try", "--at-least", "1m", name, "true")
    assert (done.returncode, done.stdout) == (0, "")
    assert "40s" in done.stderr and "--at-least" in done.stderr
    with ctl.daemon.connect() as judge:
        assert 30_000 < shown(judge, name)["remaining_ms"] <= 40_000
    assert ctl("run", "--try", name, "true").returncode == 75


@pytest.mark.parametrize("options", [["run", "--try"], ["run", "--wait", "10s"], ["elect"]], ids=" ".join)
def test_no_place_for_a_tie_is_an_error_at_once(make_daemon: MakeDaemon, options: list[str], name: str) -> None:
    limits = {"LEASED_LIMITS_TIES": "1", "LEASED_LIMITS_RESERVED_FOR_ADMINISTRATORS": "0"}
    ctl = Ctl(make_daemon(environment=limits).start())
    with ctl.daemon.connect() as judge, tie(ctl.daemon, name + "/other", judge.call("ACQUIRE", name + "/other", "1h")):
        done = ctl(*options, name, "echo", "ran")
        assert (done.returncode, done.stdout) == (69, "")
        assert "ties are open" in done.stderr
        assert judge.holder(name) is None, "given back"


def test_at_least_keeps_it_also_when_the_job_fails_or_dies(ctl: Ctl, judge: Connection, name: str) -> None:
    for turn, script in enumerate(["exit 3", "kill -9 $$"]):
        lease = f"{name}/{turn}"
        assert ctl("run", "--try", "--at-least", "1h", lease, "sh", "-c", script).returncode in {3, 137}
        assert 3_500_000 < shown(judge, lease)["remaining_ms"] <= 3_600_000


def test_at_least_keeps_nothing_after_a_long_job(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", "--try", "--at-least", "1s", name, *job.command)
    job.pid()
    pass_instant(now() + 1.1)
    job.go()
    assert finish(process)[0] == 0
    assert judge.call("HOLDER", name) is None


def test_at_most_stops_the_whole_tree(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str, strays: list[int]
) -> None:
    job = Job(tmp_path, TREE)
    process = ctl.spawn("run", "--at-most", "1s", *SHORT, name, *job.command, stdout=None, stderr=None)
    tree = [int(job.told(which)) for which in ("main", "session", "forked_twice")]
    strays += tree
    with join(ctl.daemon, judge, name) as waiter:
        waiter.receive()
        assert [pid for pid in tree if alive(pid)] == []
    assert process.wait(20) == 124


def test_when_the_daemon_is_unreachable(tmp_path: Path, make_daemon: Callable[..., Daemon], name: str) -> None:
    ctl = Ctl(make_daemon())  # never started
    ctl.environment = {
        "LEASE_NAME": "inherited", "LEASE_TOKEN": "1", "LEASE_OWNER": "x", "LEASE_TTL_MS": "1", "OTHER": "kept",
    }  # fmt: skip
    script = ["sh", "-c", 'env | grep -E "^(LEASE_|OTHER)"; exit 5']
    for words in ([], ["--if-unreachable", "fail"]):
        refused = ctl("run", "--try", *words, name, *script)
        assert (refused.returncode, refused.stdout) == (69, "")
        assert str(ctl.daemon.socket) in refused.stderr
    ran = ctl("run", "--try", "--if-unreachable", "run", name, *script)
    assert (ran.returncode, ran.stdout) == (5, "OTHER=kept\n"), "without a lease, and without what was inherited"
    skipped = ctl("run", "--try", "--if-unreachable", "skip", name, *script)
    assert skipped.stdout == ""
    assert skipped.returncode in {0, 69, 75}
    assert ctl("run", "--try", "--if-unreachable", "perhaps", name, "true").returncode == 64


def test_the_report_of_each_outcome(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.json"

    def report(status: int, *words: str) -> dict[str, Any]:
        path.unlink(missing_ok=True)
        assert ctl("run", "--report", str(path), *words).returncode == status
        assert path.read_text().count("\n") <= 1
        told = json.loads(path.read_text())
        assert isinstance(told, dict)
        return told

    judge.call("ACQUIRE", name, "1s")
    waited = report(7, name, "sh", "-c", "sleep 0.3; exit 7")
    assert waited["waited_ms"] >= 300
    assert waited["held_ms"] >= 300
    judge.call("ACQUIRE", name, "1h")
    timed_out = report(75, "--wait", "300ms", name, "true")
    assert timed_out["waited_ms"] >= 300
    most = report(124, "--at-most", "500ms", name + "-b", "sleep", "1000")
    assert most["held_ms"] >= 500
    outcomes = [told["outcome"] for told in (waited, timed_out, most)]
    assert len(set(outcomes)) == 3, outcomes
