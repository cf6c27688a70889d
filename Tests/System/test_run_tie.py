"""The tie that a job of `leasectl run` inherits: its number, what a job can do with it, and what it survives."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.clock import eventually, now
from harness.ctl import Ctl, Job, finish
from harness.daemon import Daemon

SHORT = ["--try", "--ttl", "4s", "--grace", "1s"]


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def sockets(pid: int) -> list[int]:
    """The descriptors of a process that are sockets."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        # A descriptor that is closed meanwhile does not count.
        with contextlib.suppress(FileNotFoundError):
            if str(entry.readlink()).startswith("socket:"):
                found.append(int(entry.name))
    return sorted(found)


def free(daemon: Daemon, name: str) -> bool:
    with daemon.connect() as client:
        return client.call("HOLDER", name) is None


def tied(daemon: Daemon, name: str) -> bool:
    with daemon.connect() as client:
        held = client.holder(name)
        return held is not None and held["tied"] == 1


def test_the_tie_is_the_one_socket_of_the_job_and_out_of_the_way(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, name, *job.command)
    (tie,) = sockets(job.pid())
    assert 900 < tie < 1024, "below what select(2) cannot take, above what programs use"
    assert tied(ctl.daemon, name)
    job.go()
    assert finish(process) == (0, "", "")
    assert free(ctl.daemon, name)


def test_few_descriptors_are_enough(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    ctl.wrapper = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"]
    process = ctl.spawn("run", *SHORT, name, *job.command)
    (tie,) = sockets(job.pid())
    assert tie < 40
    assert tied(ctl.daemon, name)
    job.go()
    assert finish(process) == (0, "", "")


def test_a_nested_job_has_both_ties(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    inner = ctl.command("run", *SHORT, name + "-inner", *job.command)
    process = ctl.spawn("run", *SHORT, name, *inner)
    assert len(sockets(job.pid())) == 2
    assert tied(ctl.daemon, name)
    assert tied(ctl.daemon, name + "-inner")
    job.go()
    assert finish(process)[0] == 0
    assert free(ctl.daemon, name)
    assert free(ctl.daemon, name + "-inner")


def test_a_job_that_closes_everything_keeps_the_lease(ctl: Ctl, tmp_path: Path, name: str) -> None:
    script = tmp_path / "close.py"
    script.write_text(
        "import os, sys, time\n"
        "os.closerange(3, 4096)\n"
        f"os.mkfifo({str(tmp_path / 'go')!r})\n"
        f"open({str(tmp_path / 'go')!r}).read()\n"
    )
    process = ctl.spawn("run", *SHORT, name, sys.executable, "-S", str(script))
    eventually((tmp_path / "go").exists, 10, "the job to have closed all")
    assert tied(ctl.daemon, name), "leasectl's own copy is left"
    (tmp_path / "go").write_text("")
    assert finish(process) == (0, "", "")


def test_a_job_that_breaks_its_tie_loses_its_own_lease(ctl: Ctl, tmp_path: Path, name: str) -> None:
    script = tmp_path / "break.py"
    script.write_text(
        "import os, socket, time\n"
        "tie = [int(fd) for fd in os.listdir('/proc/self/fd') if int(fd) > 900][0]\n"
        "s = socket.socket(fileno=tie)\n"
        "try:\n    s.send(b'*1\\r\\n$4\\r\\nPING\\r\\n')\n"
        "except BrokenPipeError:\n    print('cannot send', flush=True)\n"
        "s.shutdown(socket.SHUT_RD)\n"
        "time.sleep(1000)\n"
    )
    process = ctl.spawn("run", "--try", name, sys.executable, "-S", str(script))
    status, shown, told = finish(process, 20)
    assert (status, shown) == (76, "cannot send\n")
    assert "lost" in told
    assert free(ctl.daemon, name)


def test_it_is_tied_again_after_a_restart_and_the_job_may_end_as_it_likes(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    job = Job(tmp_path, 'tell fence "$LEASE_TOKEN"; wait_for_go; exit 3')
    process = ctl.spawn("run", *SHORT, name, *job.command)
    fence = int(job.told("fence"))
    daemon.restart()
    eventually(lambda: tied(daemon, name), 10, "the new tie")
    with daemon.connect() as client:
        held = client.holder(name)
        assert held is not None
        assert held["fence"] == fence
    job.go()
    assert finish(process) == (3, "", "")
    assert free(daemon, name)


def test_a_revocation_is_heard_at_once(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, "exec sleep 1000")
    process = ctl.spawn("run", "--try", "--ttl", "1h", name, *job.command)
    job.pid()
    eventually(lambda: tied(ctl.daemon, name), 10, "the tie")
    started = now()
    ctl.answer("revoke", "--reason", "the disk is full", name)
    status, _, told = finish(process, 20)
    assert status == 76
    assert "the disk is full" in told
    assert now() - started < 5, "no renewal is due for many minutes"
    assert free(ctl.daemon, name)


def test_at_least_outlives_a_restart_of_the_daemon(ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", *SHORT, "--at-least", "1h", name, *job.command)
    job.pid()
    daemon.restart()
    job.go()
    assert finish(process) == (0, "", "")
    with daemon.connect() as client:
        held = client.holder(name)
        assert held is not None
        assert (held["tied"], held["bound"]) == (0, 0)
        assert held["remaining_ms"] > 3_500_000


def test_a_job_without_a_lease_has_no_tie_and_says_so(ctl: Ctl, tmp_path: Path, name: str) -> None:
    ctl.daemon.stop()
    job = Job(tmp_path)
    process = ctl.spawn("run", "--if-unreachable", "run", name, *job.command)
    assert sockets(job.pid()) == []
    job.go()
    status, _, told = finish(process)
    assert status == 0
    assert "without a lease" in told


def test_a_daemon_that_answers_is_not_away(ctl: Ctl, tmp_path: Path, name: str) -> None:
    with ctl.daemon.connect() as client:
        client.call("ACQUIRE", name, "1h")
    for choice in ("run", "skip"):
        assert ctl("run", "--try", "--if-unreachable", choice, name, "true").returncode == 75


def test_a_signal_while_the_daemon_hangs_ends_the_wait(ctl: Ctl, name: str) -> None:
    """The second signal does not wait for the daemon at all."""
    ctl.daemon.signal(signal.SIGSTOP)
    try:
        process = ctl.spawn("run", name, "true")
        eventually(lambda: len(sockets(process.pid)) >= 1, 10, "the connection")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert finish(process, 10)[0] in {128 + signal.SIGINT, 128 + signal.SIGTERM}
    finally:
        ctl.daemon.signal(signal.SIGCONT)


def test_a_peer_that_closes_its_socket_is_told_as_unreachable(tmp_path: Path, name: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        command = ["run", "--socket", str(tmp_path / "s"), "--try", name, "true"]
        program = Ctl(Daemon(tmp_path / "d")).command("ping")[0]
        process = subprocess.Popen([program, *command], stderr=subprocess.PIPE, text=True)
        listener.settimeout(20)
        listener.accept()[0].close()
        listener.close()
        os.unlink(tmp_path / "s")
        _, told = process.communicate(timeout=30)
        assert process.returncode == 69, told
