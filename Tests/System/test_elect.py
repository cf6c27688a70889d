"""`leasectl elect`: one leader at a time, a new one at once, and what candidates do when they win, lose and fail."""

import contextlib
import itertools
import os
import random
import signal
import stat
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.clock import eventually, now
from harness.ctl import Ctl, Job, alive, finish, gone
from harness.daemon import Daemon
from harness.resp import Connection
from harness.seeds import rounds, seed
from harness.waiting import await_waiters, free

SHORT = ["--ttl", "6s", "--grace", "1s"]

#: The leader's work: it repeatedly writes the fence under which it leads.
LEADER = """
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
fence, name = os.environ["LEASE_TOKEN"], os.environ["LEASE_OWNER"]
while True:
    at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    os.write(log, f"{fence} {os.getpid()} {at} {name}\\n".encode())
    time.sleep(0.002)
"""


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


@pytest.fixture
def judge(daemon: Daemon) -> Iterator[Connection]:
    with daemon.connect() as connection:
        yield connection


@dataclass
class Candidates:
    """The candidates of one election, and the log that their jobs write."""

    ctl: Ctl
    name: str
    folder: Path
    running: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log, self.script = self.folder / "log", self.folder / "leader.py"
        self.script.write_text(LEADER)
        self.log.touch()

    def start(self, who: str) -> None:
        command = [sys.executable, "-S", str(self.script), str(self.log)]
        self.running[who] = self.ctl.spawn(
            "elect", "--id", who, "--backoff", "100ms", *SHORT, self.name, *command,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def lines(self) -> list[tuple[int, int, int, str]]:
        """(fence, pid, instant, candidate) for each line of a leader."""
        text = self.log.read_text()
        return [
            (int(fence), int(pid), int(at), who)
            for fence, pid, at, who in (line.split(" ", 3) for line in text[: text.rfind("\n") + 1].splitlines())
        ]

    def leader(self, beyond: int = 0, within: float = 20.0) -> tuple[int, int, int, str]:
        """Waits for a leader whose fence is above `beyond`; returns its first line."""
        tail = self.log.open()
        with tail:
            tail.seek(max(0, self.log.stat().st_size - 200))
            begun = tail.tell()
            if begun:
                tail.readline()
            kept = ""

            def found() -> tuple[int, int, int, str] | None:
                nonlocal kept
                kept += tail.read()
                *whole, kept = kept.split("\n")
                for line in whole:
                    fence, pid, at, who = line.split(" ", 3)
                    if int(fence) > beyond:
                        return int(fence), int(pid), int(at), who
                return None

            leading = eventually(found, within, f"a leader with a fence above {beyond}")
            assert leading is not None
            return leading

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


@pytest.fixture
def candidates(ctl: Ctl, tmp_path: Path, name: str) -> Iterator[Candidates]:
    made = Candidates(ctl, name, tmp_path)
    yield made
    made.stop()


def assert_never_two(lines: list[tuple[int, int, int, str]]) -> int:
    """The intervals of the fences are in order and do not overlap; returns the number of leaders."""
    intervals: dict[int, list[int]] = {}
    leaders: dict[int, set[tuple[int, str]]] = {}
    for fence, pid, at, who in lines:
        first, last = intervals.get(fence, [at, at])
        intervals[fence] = [min(first, at), max(last, at)]
        leaders.setdefault(fence, set()).add((pid, who))
    assert all(len(who) == 1 for who in leaders.values()), "one fence, one leader"
    ordered = [intervals[fence] for fence in sorted(intervals)]
    for earlier, later in itertools.pairwise(ordered):
        assert earlier[1] < later[0], "two at once"
    return len(ordered)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.root
def test_a_long_name_of_the_machine_is_cut_where_labels_are_short(
    make_daemon: Callable[..., Daemon], tmp_path: Path, name: str
) -> None:
    (tmp_path / "leased.yaml").write_text("limits:\n  label-bytes: 16\n")
    renamed = ["unshare", "--uts", "sh", "-c", 'hostname machine-with-a-long-name && exec "$@"', "sh"]
    ctl = Ctl(make_daemon(arguments=["--config", str(tmp_path / "leased.yaml")]).start(), wrapper=renamed)
    assert ctl.answer("elect", name, "sh", "-c", 'echo "$LEASE_OWNER"') == "machine-with-a-l"


def test_a_hundred_leaders_are_killed_and_never_two_lead(candidates: Candidates, judge: Connection, name: str) -> None:
    source = random.Random(seed())
    for who in ("one", "two", "three"):
        candidates.start(who)
    took, fence = [], 0
    for _ in range(rounds("LEASED_ELECT_ROUNDS", 100)):
        fence, job, _, leading = candidates.leader(beyond=fence)
        # Its successors already wait: only then is the hand-over what is measured.
        eventually(lambda: (judge.holder(name) or {"waiters": 0})["waiters"] == 2, 20, "two who wait")
        if source.random() < 0.3:
            # Sometimes the job is killed first; leasectl then resigns.
            os.kill(job, signal.SIGKILL)
        candidates.running[leading].kill()
        candidates.running[leading].wait()
        gone(job, 5)
        died = now()
        _, _, begun, successor = candidates.leader(beyond=fence)
        assert successor != leading
        took.append(begun / 1e9 - died)
        candidates.start(leading)
    candidates.stop()
    leaders = assert_never_two(candidates.lines())
    assert leaders > rounds("LEASED_ELECT_ROUNDS", 100)
    # These numbers include the start of an interpreter.
    assert statistics.median(took) < 0.25, took


def test_the_leader_hands_over_and_its_successor_leads_with_a_higher_fence(
    candidates: Candidates, ctl: Ctl, judge: Connection, name: str
) -> None:
    candidates.start("first")
    fence, _, _, leading = candidates.leader()
    assert leading == "first"
    candidates.start("second")
    await_waiters(judge, name, 1)
    assert ctl("status", name, "--is", "first").returncode == 0
    assert ctl("status", name, "--is", "second").returncode == 1
    assert "first" in ctl.answer("status", name)
    candidates.running["first"].send_signal(signal.SIGTERM)
    beyond, _, _, leading = candidates.leader(beyond=fence)
    assert (leading, beyond > fence) == ("second", True)
    assert candidates.running["first"].wait(20) != 0
    assert ctl("status", name, "--is", "second").returncode == 0
    assert_never_two(candidates.lines())


def test_status_of_an_election_without_a_leader(ctl: Ctl, name: str) -> None:
    assert ctl("status", name, "--is", "anybody").returncode == 1


def test_a_candidate_has_the_environment_of_run(ctl: Ctl, judge: Connection, name: str) -> None:
    script = 'echo "$LEASE_NAME|$LEASE_TOKEN|$LEASE_OWNER|$LEASE_TTL_MS|$LEASED_SOCKET"'
    done = ctl("elect", "--id", "the candidate", "--ttl", "20s", name, "sh", "-c", script)
    assert done.returncode == 0
    lease, token, owner, ttl, socket = done.stdout.strip().split("|")
    assert (lease, owner, ttl, socket) == (name, "the candidate", "20000", str(ctl.daemon.socket))
    assert int(token) > 0
    assert judge.call("HOLDER", name) is None, "a job that exits 0 resigns"


def test_the_defaults_are_a_ttl_of_fifteen_seconds(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("elect", name, *job.command)
    job.pid()
    held = judge.holder(name)
    assert held is not None
    assert held["ttl_ms"] == 15_000
    eventually(lambda: (judge.holder(name) or {"tied": 0})["tied"], 10, "the tie")
    job.go()
    assert finish(process)[0] == 0


def test_a_leader_whose_lease_is_revoked_stops_its_job_and_campaigns_again(
    ctl: Ctl, judge: Connection, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path, 'tell "fence-$LEASE_TOKEN" $$; trap "tell stopped-$LEASE_TOKEN 1; exit 0" TERM\n'
                        "while :; do sleep 0.05; done")  # fmt: skip
    process = ctl.spawn("elect", "--backoff", "100ms", *SHORT, name, *job.command, stdout=None, stderr=None)
    job.pid()
    held = judge.holder(name)
    assert held is not None
    job.told(f"fence-{held['fence']}")
    with ctl.daemon.connect() as rival:
        rival.send("ACQUIRE", name, "1h", "WAIT", "FOREVER")
        await_waiters(judge, name, 1)
        ctl.answer("revoke", name)
        fence = rival.receive()
        assert fence > held["fence"]
        assert job.has_told(f"stopped-{held['fence']}"), "stopped before the next was granted"
        await_waiters(judge, name, 1)
        rival.call("RELEASE", name, fence)
    again = eventually(lambda: judge.holder(name) or {}, 10, "the lease again")
    assert again["fence"] > fence
    job.told(f"fence-{again['fence']}")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    free(judge, name)


def test_a_leader_that_crashes_in_a_loop_hands_over(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    failing = ctl.spawn(
        "elect", "--id", "failing", "--backoff", "300ms", *SHORT, name, "sh", "-c", "exit 1", stdout=None, stderr=None
    )
    job = Job(tmp_path)
    good = ctl.spawn("elect", "--id", "good", *SHORT, name, *job.command, stdout=None, stderr=None)
    job.pid()
    held = judge.holder(name)
    assert held is not None
    assert held["owner"] == b"good"
    await_waiters(judge, name, 1)
    assert failing.poll() is None, "it campaigns again"
    job.go()
    assert good.wait(20) == 0
    failing.send_signal(signal.SIGTERM)
    failing.wait(20)
    free(judge, name)


def test_a_failed_job_waits_for_the_backoff(ctl: Ctl, tmp_path: Path, name: str) -> None:
    log = tmp_path / "starts"
    # Only a job that was started counts; the test decides when that is.
    script = f"echo started >>{log}; exit 1"
    process = ctl.spawn("elect", "--backoff", "1s", *SHORT, name, "sh", "-c", script, stdout=None, stderr=None)
    eventually(lambda: log.exists() and len(log.read_text().split()) >= 1, 10, "the first start")
    first = now()
    eventually(lambda: len(log.read_text().split()) >= 2, 10, "the second start")
    assert 0.8 <= now() - first < 5
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def hook(folder: Path, name: str) -> Path:
    """An executable with a blank in its name that records its runs."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name} hook"
    path.write_text(f'#!/bin/sh\necho "{name} $# $LEASE_NAME $LEASE_TOKEN" >>"$(dirname "$0")/hooks"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_hooks_run_when_it_wins_and_when_it_loses(ctl: Ctl, judge: Connection, tmp_path: Path, name: str) -> None:
    win, lose = hook(tmp_path / "h", "win"), hook(tmp_path / "h", "lose")
    noted = tmp_path / "h" / "hooks"

    def notes() -> list[str]:
        return [line.split()[0] for line in noted.read_text().splitlines()] if noted.exists() else []

    job = Job(tmp_path)
    token = judge.call("ACQUIRE", name, "1h")
    process = ctl.spawn(
        "elect", "--on-win", str(win), "--on-lose", str(lose), *SHORT, name, *job.command, stdout=None, stderr=None
    )
    await_waiters(judge, name, 1)
    assert notes() == [], "not while it waits"
    judge.call("RELEASE", name, token)
    job.pid()
    eventually(lambda: notes() == ["win"], 10, "the hook")
    held = judge.holder(name)
    assert held is not None
    if len(noted.read_text().split()) > 2:
        assert str(held["fence"]) in noted.read_text() or name in noted.read_text()
    job.go()
    assert process.wait(20) == 0
    assert notes() == ["win", "lose"]


def test_a_hook_that_is_not_there_is_told(ctl: Ctl, tmp_path: Path, name: str) -> None:
    done = ctl("elect", "--once", "--on-win", str(tmp_path / "missing"), name, "true")
    assert str(tmp_path / "missing") in done.stderr


@pytest.mark.parametrize("status", [0, 3])
def test_once_campaigns_once(ctl: Ctl, judge: Connection, name: str, status: int) -> None:
    done = ctl("elect", "--once", name, "sh", "-c", f"exit {status}")
    assert done.returncode == status
    assert judge.call("HOLDER", name) is None


def test_once_that_loses_is_76(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("elect", "--once", *SHORT, name, *job.command)
    pid = job.pid()
    ctl.answer("revoke", name)
    assert finish(process)[0] == 76
    assert not alive(pid)


def test_a_candidate_leaves_the_queue_at_a_signal(ctl: Ctl, judge: Connection, name: str) -> None:
    judge.call("ACQUIRE", name, "1h")
    for number in (signal.SIGTERM, signal.SIGINT):
        process = ctl.spawn("elect", name, "true", start_new_session=True)
        await_waiters(judge, name, 1)
        process.send_signal(number)
        assert finish(process)[0] == 128 + number
        await_waiters(judge, name, 0)


def test_an_election_outlives_the_daemon(candidates: Candidates, daemon: Daemon, name: str) -> None:
    """The leader continues to lead; the candidates wait again."""
    candidates.start("one")
    fence, job, _, _ = candidates.leader()
    candidates.start("two")
    with daemon.connect() as judge:
        await_waiters(judge, name, 1)
    daemon.restart()
    with daemon.connect() as judge:
        await_waiters(judge, name, 1)
        held = judge.holder(name)
        assert held is not None
        assert held["fence"] == fence
        eventually(lambda: (judge.holder(name) or {"tied": 0})["tied"], 10, "tied again")
    assert alive(job)
    candidates.running["one"].kill()
    candidates.running["one"].wait()
    assert candidates.leader(beyond=fence)[3] == "two"
    assert_never_two(candidates.lines())
