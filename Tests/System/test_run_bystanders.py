"""`leasectl run` in a process that already has children, as after `producer & exec leasectl run …`: not the job's."""

import os
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from harness.ctl import Ctl, Job, alive, finish, gone
from harness.daemon import Daemon
from harness.waiting import free
from test_terminal import on_a_terminal

SHORT = ["--ttl", "4s", "--grace", "1s"]

#: A background process of the shell that becomes leasectl: it starts a process that ignores all signals, either before
#: the job or when it is told to, and ends, so that this process is an orphan.
BYSTANDER = {
    "before the job": 'sh keeper "$PWD" orphan & read _ <bye',
    "while the job runs": 'read _ <bye; sh keeper "$PWD" orphan &',
}


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def stand_by(ctl: Ctl, job: Job, bystander: str) -> None:
    """The next command runs in place of a shell that has the bystander in its background."""
    os.mkfifo(job.folder / "bye")
    (job.folder / "bystander").write_text(f'cd "{job.folder}"; {bystander}\n')
    ctl.wrapper = ["bash", "-c", f'sh "{job.folder}/bystander" >/dev/null 2>&1 & exec "$@"', "bash"]


def run(ctl: Ctl, job: Job, bystander: str, *options: str) -> "subprocess.Popen[str]":
    stand_by(ctl, job, bystander)
    return ctl.spawn("run", *SHORT, *options, *job.command, start_new_session=True, stdout=None, stderr=None)


def orphan(job: Job, strays: list[int]) -> int:
    """Makes the bystander end, and returns the process that it leaves behind."""
    with open(job.folder / "bye", "w") as fifo:
        fifo.write("\n")
    strays.append(int(job.told("orphan")))
    return strays[-1]


@pytest.mark.parametrize("bystander", BYSTANDER.values(), ids=BYSTANDER.keys())
def test_orphans_of_the_shell_are_not_waited_for(
    ctl: Ctl, tmp_path: Path, name: str, strays: list[int], bystander: str
) -> None:
    job = Job(tmp_path, "wait_for_go; exit 3")
    process = run(ctl, job, bystander, name)
    job.pid()
    left = orphan(job, strays)
    job.go()
    assert process.wait(20) == 3
    assert alive(left)
    with ctl.daemon.connect() as judge:
        assert judge.call("HOLDER", name) is None, "the lease is free"


@pytest.mark.parametrize("bystander", BYSTANDER.values(), ids=BYSTANDER.keys())
def test_orphans_of_the_shell_are_not_killed(
    ctl: Ctl, tmp_path: Path, name: str, strays: list[int], bystander: str
) -> None:
    job = Job(tmp_path, 'exec sh keeper "$PWD" main')
    process = run(ctl, job, bystander, name)
    main = int(job.told("main"))
    left = orphan(job, strays)
    with ctl.daemon.connect() as judge:
        judge.call("REVOKE", name, "AFTER", "30s")
    assert process.wait(20) == 76
    assert not alive(main)
    assert alive(left)


def test_orphans_of_the_job_are_the_jobs(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    job = Job(tmp_path, '(setsid sh keeper "$PWD" twice &)')
    process = run(ctl, job, BYSTANDER["before the job"], name)
    main, twice = job.pid(), int(job.told("twice"))
    strays.append(twice)
    gone(main)
    orphan(job, strays)
    with ctl.daemon.connect() as judge:
        assert judge.holder(name) is not None
        assert process.poll() is None
        judge.call("REVOKE", name, "AFTER", "30s")
        assert process.wait(20) == 76
        assert not alive(twice)
        free(judge, name)


def test_a_signal_to_the_group_counts_once(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    body = "trap 'tell term 1' TERM; trap 'tell usr1 1' USR1; tell trapped 1; while [ ! -e end ]; do sleep 0.05; done"
    job = Job(tmp_path, body + "; exit 4")
    process = run(ctl, job, "trap '' TERM USR1; " + BYSTANDER["before the job"], name)
    job.told("trapped")
    os.killpg(process.pid, signal.SIGTERM)
    job.told("term")
    # Later signals are not passed on before it.
    process.send_signal(signal.SIGUSR1)
    job.told("usr1")
    (job.folder / "end").touch()
    assert process.wait(20) == 4
    orphan(job, strays)


def test_a_second_term_kills_the_job(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    job = Job(tmp_path, "trap 'tell term 1' TERM; tell trapped 1; while :; do sleep 0.05; done")
    process = run(ctl, job, BYSTANDER["before the job"], name)
    job.told("trapped")
    process.terminate()
    job.told("term")
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGKILL
    orphan(job, strays)


def test_the_job_ends_with_the_process_that_was_started(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    job = Job(tmp_path)
    process = run(ctl, job, BYSTANDER["before the job"], name)
    pid = job.pid()
    process.kill()
    process.wait(20)
    gone(pid)
    left = orphan(job, strays)
    assert alive(left)
    with ctl.daemon.connect() as judge:
        free(judge, name)


def test_ctrl_c_at_a_terminal_arrives_once(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    count = "n=0; trap 'n=$((n+1)); echo got-$n' INT; tell trapped 1; while [ ! -e end ]; do sleep 0.05; done; exit $n"
    job = Job(tmp_path, count)
    stand_by(ctl, job, "trap '' HUP; " + BYSTANDER["before the job"])
    child = on_a_terminal(ctl, "run", *SHORT, name, *job.command)
    job.told("trapped")
    for number in (1, 2):
        child.sendintr()
        child.expect_exact(f"got-{number}")
    (job.folder / "end").touch()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2, "two keys, two signals"
    orphan(job, strays)


def test_a_terminal_that_hangs_up_ends_the_job(ctl: Ctl, tmp_path: Path, name: str, strays: list[int]) -> None:
    job = Job(tmp_path, "exec sleep 1000")
    stand_by(ctl, job, "trap '' HUP; " + BYSTANDER["before the job"])
    child = on_a_terminal(ctl, "run", *SHORT, name, *job.command)
    pid = job.pid()
    child.close(force=False)
    gone(pid)
    with ctl.daemon.connect() as judge:
        free(judge, name, 10)
    orphan(job, strays)


def test_without_children_there_is_one_process(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "tell parent $PPID; wait_for_go")
    process = ctl.spawn("run", *SHORT, name, *job.command)
    assert int(job.told("parent")) == process.pid
    job.go()
    assert finish(process) == (0, "", "")
