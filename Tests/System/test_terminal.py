"""`leasectl run` on a terminal: Ctrl-C arrives once, and job control works."""

import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from harness.clock import eventually
from harness.ctl import Ctl, Job, alive, gone
from harness.daemon import Daemon


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def on_a_terminal(ctl: Ctl, *arguments: str) -> "pexpect.spawn[Any]":
    program, *rest = ctl.command(*arguments)
    return pexpect.spawn(program, rest, env=ctl.environ(), timeout=20, use_poll=True)


def shell(ctl: Ctl) -> "pexpect.spawn[Any]":
    """An interactive shell with job control and a prompt that nothing else prints."""
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], env={**ctl.environ(), "PS1": "PROMPT> "}, timeout=20, use_poll=True
    )
    child.expect_exact("PROMPT> ")
    return child


def test_the_job_is_in_leasectls_group_and_has_the_terminal(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "test -t 0 && test -t 1 && tell tty yes; wait_for_go")
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    assert os.getpgid(job.pid()) == os.getpgid(child.pid)
    assert job.told("tty") == "yes"
    job.go()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_ctrl_c_arrives_once(ctl: Ctl, tmp_path: Path, name: str) -> None:
    count = (
        "n=0; trap 'n=$((n+1)); echo got-$n' INT; tell trapped 1; while ! test -e enough; do sleep 0.05; done; exit $n"
    )
    job = Job(tmp_path, count)
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    job.told("trapped")
    child.sendintr()
    child.expect_exact("got-1")
    child.sendintr()
    child.expect_exact("got-2")
    (job.folder / "enough").touch()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2, "two keys, two signals"


def test_ctrl_c_ends_a_plain_job(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "exec sleep 1000")
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    pid = job.pid()
    eventually(lambda: "sleep" in Path(f"/proc/{pid}/comm").read_text(), 10, "the exec")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + signal.SIGINT
    gone(pid)
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None


def test_a_signal_that_a_process_sent_is_forwarded_also_on_a_terminal(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "trap 'tell got INT; exit 7' INT; tell trapped 1; while :; do sleep 0.05; done")
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    job.told("trapped")
    os.kill(child.pid, signal.SIGINT)
    assert job.told("got") == "INT"
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7


def test_ctrl_z_and_fg(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "wait_for_go; echo it-went-on")
    child = shell(ctl)
    child.sendline(shlex.join(ctl.command("run", "--try", name, *job.command)))
    pid = job.pid()
    child.sendcontrol("z")
    child.expect("Stopped")
    child.expect_exact("PROMPT> ")
    with open(f"/proc/{pid}/stat") as stat:
        assert stat.read().rpartition(")")[2].split()[0] == "T", "the job is stopped, too"
    assert alive(pid)
    child.sendline("fg")
    child.expect("leasectl")
    eventually(lambda: not re.search(r"\) T ", Path(f"/proc/{pid}/stat").read_text()), 10, "the job to go on")
    job.go()
    child.expect_exact("it-went-on")
    child.expect_exact("PROMPT> ")
    child.sendline("echo status=$?")
    child.expect(r"status=(\d+)\r")
    assert child.match is not None
    assert child.match.group(1) == b"0"
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_a_terminal_that_hangs_up_ends_the_job(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "exec sleep 1000")
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    pid = job.pid()
    child.close(force=False)
    gone(pid)

    def free() -> bool:
        with ctl.daemon.connect() as client:
            return client.call("HOLDER", name) is None

    eventually(free, 10, "the release")


#: A process in a separate session that ends at a keyboard signal, and reports it; shells start it with these ignored.
LEFT = """
import os, signal, sys
def told(number, frame):
    open(sys.argv[1] + "/got", "w").write(str(number))
    os._exit(0)
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, told)
open(sys.argv[1] + "/new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + "/new", sys.argv[1] + "/left")
while True:
    signal.pause()
"""


@pytest.mark.parametrize(("key", "number"), [("c", signal.SIGINT), ("\\", signal.SIGQUIT)])
def test_once_the_job_has_ended_keys_reach_what_it_left_behind(
    ctl: Ctl, tmp_path: Path, name: str, strays: list[int], key: str, number: int
) -> None:
    (tmp_path / "left.py").write_text(LEFT)
    job = Job(tmp_path, f'setsid {sys.executable} {tmp_path}/left.py "$PWD" &\nwait_for_go')
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    left = int(job.told("left"))
    strays.append(left)
    job.go()
    # It says so once it waits for nothing else.
    child.expect("waiting for what the job left behind")
    child.sendcontrol(key)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, "the status of the job"
    assert job.told("got") == str(int(number))


def test_a_second_ctrl_c_kills_what_the_job_left_behind(
    ctl: Ctl, tmp_path: Path, name: str, strays: list[int]
) -> None:
    job = Job(tmp_path, 'setsid sh keeper "$PWD" left &\nwait_for_go')
    child = on_a_terminal(ctl, "run", "--try", name, *job.command)
    left = int(job.told("left"))
    strays.append(left)
    job.go()
    child.expect("waiting for what the job left behind")

    def killed() -> bool:
        # Two that come at once are one signal (signal(7)).
        child.sendintr()
        return not alive(left)

    eventually(killed, 20, "the end of what does not heed the first")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
