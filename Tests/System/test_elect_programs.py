"""The programs of `elect --on-win` and `--on-lose`, and the order of terms."""

import signal
from pathlib import Path

import pytest

from harness.clock import eventually, now
from harness.ctl import Ctl, Job, alive, finish
from harness.daemon import Daemon


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def program(path: Path, body: str) -> str:
    """An executable script, which appends a line to the file `said` beside it for each `say`."""
    path.write_text(f'#!/bin/sh\nsay() {{ echo "$*" >>{path.parent}/said; }}\n{body}\n')
    path.chmod(0o755)
    return str(path)


def said(folder: Path) -> list[str]:
    path = folder / "said"
    return path.read_text().splitlines() if path.exists() else []


def held_by(daemon: Daemon, name: str) -> int:
    """The fence of the lease; 0 if it is free."""
    with daemon.connect() as client:
        held = client.holder(name)
        return 0 if held is None else int(held["fence"])


def test_they_run_around_the_command_and_under_its_lease(ctl: Ctl, tmp_path: Path, name: str) -> None:
    status = " ".join(ctl.command("status", name, "--is", '"$LEASE_OWNER"'))
    win = program(tmp_path / "win", f'say win $# "$LEASE_NAME" "$LEASE_TOKEN"; {status} && say held')
    command = program(tmp_path / "command", 'say command "$LEASE_TOKEN"')
    lose = program(tmp_path / "lose", f'say lose $# "$LEASE_TOKEN"; {status} && say still held')
    assert ctl("elect", "--id", "me", "--on-win", win, "--on-lose", lose, name, command).returncode == 0
    first, held, second, third, still = said(tmp_path)
    fence = first.split()[-1]
    assert first == f"win 0 {name} {fence}", "no arguments, and the command's environment"
    assert (held, second) == ("held", f"command {fence}")
    assert (third, still) == (f"lose 0 {fence}", "still held"), "nobody else leads yet"
    assert held_by(ctl.daemon, name) == 0


def test_a_failure_of_on_win_hands_over(ctl: Ctl, tmp_path: Path, name: str) -> None:
    win = program(tmp_path / "win", "say win; exit 4")
    lose = program(tmp_path / "lose", "say lose")
    done = ctl("elect", "--once", "--on-win", win, "--on-lose", lose, name, "touch", str(tmp_path / "ran"))
    assert done.returncode == 4
    assert "--on-win" in done.stderr
    assert said(tmp_path) == ["win", "lose"]
    assert not (tmp_path / "ran").exists()
    missing = ctl("elect", "--once", "--on-win", str(tmp_path / "missing"), name, "true")
    assert missing.returncode == 127
    assert held_by(ctl.daemon, name) == 0


def test_on_lose_gets_the_grace_and_no_more(ctl: Ctl, tmp_path: Path, name: str) -> None:
    lose = program(tmp_path / "lose", "trap '' TERM; say lose; while :; do sleep 1; done")
    started = now()
    done = ctl("elect", "--grace", "1s", "--on-lose", lose, name, "true")
    assert done.returncode == 0, done.stderr
    assert 1 <= now() - started < 10
    assert "--on-lose" in done.stderr
    assert held_by(ctl.daemon, name) == 0


def test_a_lost_leader_tells_it_and_campaigns_again(ctl: Ctl, tmp_path: Path, name: str) -> None:
    lose = program(tmp_path / "lose", 'say lose "$LEASE_TOKEN"')
    command = program(tmp_path / "command", 'say lead "$LEASE_TOKEN"; exec sleep 1000')
    process = ctl.spawn("elect", "--on-lose", lose, name, command, start_new_session=True)
    first = eventually(lambda: said(tmp_path), 20, "the first term")[0].split()[1]
    ctl.answer("revoke", "--reason", "a test", name)
    lines = eventually(lambda: said(tmp_path) if len(said(tmp_path)) >= 3 else [], 20, "the second term")
    second = lines[2].split()[1]
    assert lines == [f"lead {first}", f"lose {first}", f"lead {second}"]
    assert int(second) > int(first)
    process.send_signal(signal.SIGTERM)
    status, _, told = finish(process)
    assert status == 128 + signal.SIGTERM, "it does not campaign again"
    assert "a test" in told
    assert said(tmp_path)[-1] == f"lose {second}"
    assert held_by(ctl.daemon, name) == 0


def test_a_signal_ends_the_back_off(ctl: Ctl, tmp_path: Path, name: str) -> None:
    report = tmp_path / "report"
    process = ctl.spawn("elect", "--backoff", "1h", "--report", str(report), name, "false", start_new_session=True)
    eventually(report.exists, 20, "the end of the first term")
    eventually(lambda: held_by(ctl.daemon, name) == 0, 10, "the resignation")
    process.send_signal(signal.SIGTERM)
    assert finish(process, 10)[0] == 128 + signal.SIGTERM


def test_a_candidate_that_led_waits_for_a_daemon_that_is_away(
    ctl: Ctl, daemon: Daemon, tmp_path: Path, name: str
) -> None:
    command = program(tmp_path / "command", "say lead; test $(wc -l <said) -ge 2")
    process = ctl.spawn("elect", "--backoff", "2s", name, command, cwd=tmp_path)
    eventually(lambda: said(tmp_path), 20, "the first term")
    eventually(lambda: held_by(daemon, name) == 0, 10, "the resignation")
    daemon.kill()
    # The next attempt finds no daemon; it says so, and continues.
    assert process.stderr is not None
    assert process.stderr.readline()
    assert process.poll() is None
    daemon.start()
    assert finish(process, 30)[0] == 0
    assert said(tmp_path) == ["lead", "lead"]


def test_a_stop_that_is_delivered_twice_lets_on_lose_end(ctl: Ctl, tmp_path: Path, name: str) -> None:
    """As timeout(1) delivers it: the reaction to the first signal takes longer than the second needs to arrive."""
    lose = program(tmp_path / "lose", "sleep 0.05; say lost")
    for count in range(1, 9):
        job = Job(tmp_path)
        process = ctl.spawn("elect", "--once", "--on-lose", lose, name, *job.command)
        job.pid()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        finish(process)
        assert said(tmp_path) == ["lost"] * count


def test_a_leader_goes_on_campaigning_whatever_it_does_without_a_daemon(
    daemon: Daemon, tmp_path: Path, name: str
) -> None:
    """`--if-unreachable` applies to the start only; a daemon that has granted before is waited for."""
    ctl = Ctl(daemon)
    command = program(
        tmp_path / "command",
        f'say term "$LEASE_TOKEN"; [ "$(wc -l <{tmp_path}/said)" = 2 ] && exit 0; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; exit 4',
    )
    process = ctl.spawn("elect", "--if-unreachable", "run", "--backoff", "10ms", name, command)
    eventually(lambda: len(said(tmp_path)) == 1, 10, "the first term")
    daemon.kill()
    (tmp_path / "go").touch()
    # It says that it finds no daemon, and continues.
    assert process.stderr is not None
    assert process.stderr.readline()
    daemon.start()
    status, _, errors = finish(process)
    assert status == 0, errors
    first, second = (line.split() for line in said(tmp_path))
    assert len(second) == 2 and int(second[1]) > int(first[1]), "the second term is under the lease, too"


def test_the_next_candidate_leads_when_the_command_fails(ctl: Ctl, tmp_path: Path, name: str) -> None:
    failing = Job(tmp_path, "wait_for_go; exit 1")
    steady = Job(tmp_path)
    first = ctl.spawn("elect", "--id", "first", "--backoff", "1s", name, *failing.command, start_new_session=True)
    failing.pid()
    second = ctl.spawn("elect", "--id", "second", name, *steady.command, start_new_session=True)

    def waiting() -> bool:
        with ctl.daemon.connect() as client:
            held = client.holder(name)
            return held is not None and held["waiters"] == 1

    eventually(waiting, 10, "the second candidate in the queue")
    failing.go()
    leader = steady.pid()
    assert ctl("status", name, "--is", "second").returncode == 0
    eventually(waiting, 10, "the first candidate in the queue again")
    assert alive(leader)
    first.send_signal(signal.SIGTERM)
    assert finish(first)[0] == 128 + signal.SIGTERM
    steady.go()
    assert finish(second)[0] == 0
