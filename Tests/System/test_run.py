"""`leasectl run`: one of two runs, the environment, the exit statuses, the limits, the report."""

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.clock import eventually, now
from harness.ctl import Ctl, Job, finish, gone, signal_set
from harness.daemon import Daemon
from harness.users import STRANGER, admit_everyone
from harness.waiting import await_waiters


@pytest.fixture
def ctl(daemon: Daemon) -> Ctl:
    return Ctl(daemon)


def test_of_two_one_runs_and_the_other_is_75(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job, other = Job(tmp_path), Job(tmp_path, "true")
    first = ctl.spawn("run", "--try", name, *job.command)
    job.pid()
    assert ctl("run", "--try", name, *other.command).returncode == 75
    assert ctl("run", "--try", "-E", "9", name, *other.command).returncode == 9
    assert ctl("run", "--try", "--skip-ok", name, *other.command).returncode == 0
    assert not other.has_told("started")
    job.go()
    assert finish(first) == (0, "", ""), "nothing on stderr unless something is wrong"
    assert ctl("run", "--try", name, *other.command).returncode == 0
    assert other.has_told("started")


def test_no_time_to_wait_is_not_to_wait(ctl: Ctl, name: str) -> None:
    token = ctl.answer("acquire", name, "1h")
    refused = ctl("run", "--wait", "0s", name, "true")
    assert refused.returncode == 75
    assert "held by" in refused.stderr
    ctl.answer("release", name, token)
    assert ctl("run", "--wait", "0s", name, "true").returncode == 0


@pytest.mark.parametrize("how", ["try", "wait"])
def test_too_few_descriptors_are_no_daemon_that_is_away(ctl: Ctl, tmp_path: Path, name: str, how: str) -> None:
    """Wherever the lack shows: it ends at once, and leaves no lease."""
    ran = tmp_path / "ran"
    limits = range(4, 25)
    waiting = ["--try"] if how == "try" else ["--wait", "40s"]
    for limit in limits:
        ctl.wrapper = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"]
        done = ctl("run", *waiting, "--ttl", "30s", "--if-unreachable", "run", name, "touch", str(ran))
        assert done.returncode in {0, 70}, (limit, done.stderr)
        assert ran.exists() == (done.returncode == 0), limit
        ran.unlink(missing_ok=True)
        with ctl.daemon.connect() as judge:
            assert judge.call("HOLDER", name) is None, limit
        if done.returncode == 0:
            break
        assert limit != limits[-1], "the last limit is enough"


@pytest.mark.root
def test_too_few_threads_are_told_and_leave_no_lease(make_daemon: MakeDaemon, tmp_path: Path, name: str) -> None:
    """Swift's runtime and libdispatch would wait for threads forever, or end the process with a trap."""
    daemon = make_daemon().start()
    admit_everyone(daemon.socket)
    ctl = Ctl(daemon)
    report = tmp_path / "report"
    statuses = []
    for limit in range(1, 30):
        # A user with no other processes, and a limit that applies to it.
        ctl.wrapper = ["setpriv", "--reuid", str(STRANGER), "--clear-groups", "prlimit", f"--nproc={limit}"]
        statuses.append(ctl("run", "--try", name, "true").returncode)
        if statuses[-1] == 0:
            break
        with daemon.connect() as judge:
            assert judge.call("HOLDER", name) is None, limit
    assert statuses[-1] == 0 and set(statuses[:-1]) == {70}, statuses
    ctl.wrapper = ["sh", "-c", 'ulimit -n 12; exec "$@"', "sh"]
    report.write_text("of an earlier run")
    assert ctl("run", "--try", "--report", str(report), name, "true").returncode == 70
    assert json.loads(report.read_text())["outcome"] == "error"


@pytest.mark.root
def test_those_who_wait_at_their_users_limit_on_connections_run_one_after_the_other(
    make_daemon: MakeDaemon, tmp_path: Path, name: str
) -> None:
    """Each of them has one connection, and a grant cannot open another."""
    (tmp_path / "leased.yaml").write_text("limits:\n  connections-per-user: 4\n")
    daemon = make_daemon(arguments=["--config", str(tmp_path / "leased.yaml")]).start()
    admit_everyone(daemon.socket)
    stranger = Ctl(daemon, wrapper=["setpriv", "--reuid", str(STRANGER), "--clear-groups"])
    with daemon.connect() as judge:
        token = judge.call("ACQUIRE", name, "1h")
        waiting = [stranger.spawn("run", "--ttl", "1h", name, "echo", "ran") for _ in range(4)]
        await_waiters(judge, name, 4)
        judge.call("RELEASE", name, token)
        ends = [finish(process) for process in waiting]
        assert [end[:2] for end in ends] == [(0, "ran\n")] * 4, ends


def test_the_environment_of_the_job(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, 'env | grep "^LEASE" >environment; tell written 1; wait_for_go')
    ctl.environment = {
        "LEASE_NAME": "inherited", "LEASE_TOKEN": "1", "LEASE_OWNER": "inherited", "LEASE_TTL_MS": "1",
        "LEASED_SOCKET": "/inherited", "OTHER": "kept",
    }  # fmt: skip
    process = ctl.spawn("run", "--try", "--ttl", "45s", "--owner", "the night job", name, *job.command)
    job.told("written")
    seen = dict(line.split("=", 1) for line in (job.folder / "environment").read_text().splitlines())
    with ctl.daemon.connect() as client:
        held = client.holder(name)
    assert held is not None
    assert seen == {
        "LEASE_NAME": name,
        "LEASE_TOKEN": str(held["fence"]),
        "LEASE_OWNER": "the night job",
        "LEASE_TTL_MS": "45000",
        "LEASED_SOCKET": str(ctl.daemon.socket),
    }
    assert (held["owner"], held["ttl_ms"]) == (b"the night job", 45_000)
    job.go()
    assert finish(process)[0] == 0


def test_the_owner_defaults_to_what_the_daemon_shows(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path, 'tell owner "$LEASE_OWNER"; wait_for_go')
    process = ctl.spawn("run", "--try", name, *job.command)
    owner = job.told("owner")
    with ctl.daemon.connect() as client:
        held = client.holder(name)
        assert held is not None
        assert owner == held["owner"].decode() != ""
    job.go()
    assert finish(process)[0] == 0


def test_an_owner_that_nobody_typed_is_cut_where_labels_are_short(
    make_daemon: Callable[..., Daemon], tmp_path: Path, name: str
) -> None:
    (tmp_path / "leased.yaml").write_text("limits:\n  label-bytes: 16\n")
    ctl = Ctl(make_daemon(arguments=["--config", str(tmp_path / "leased.yaml")]).start())
    program = tmp_path / "name_with_more_than_sixteen"
    program.write_text('#!/bin/sh\n"$LEASECTL" status "$LEASE_NAME" --is "$LEASE_OWNER"; echo "$? $LEASE_OWNER"\n')
    program.chmod(0o755)
    ctl.environment = {"LEASECTL": binaries.path("leasectl")}
    assert ctl.answer("run", name, str(program)) == "0 name_with_more_t"
    assert ctl.answer("run", "--try", name, str(program)) == "0 name_with_more_t"
    refused = ctl("run", name, "--owner", program.name, str(program))
    assert refused.returncode != 0, "options stop at the name"
    refused = ctl("run", "--owner", program.name, name, str(program))
    assert refused.returncode == 64
    assert "the label has 27 bytes; the most is 16" in refused.stderr


def test_a_nested_run_sees_its_own(ctl: Ctl, name: str) -> None:
    inner = ctl.command("run", "--try", name + "-inner", "sh", "-c", 'echo "$LEASE_NAME"')
    assert ctl.answer("run", "--try", name, *inner) == name + "-inner"


def test_a_job_reaches_a_relative_socket_in_a_folder_with_a_long_name(
    make_daemon: MakeDaemon, tmp_path: Path, name: str
) -> None:
    """An absolute path may be longer than a socket's path can be."""
    folder = tmp_path / ("f" * 100)
    folder.mkdir()
    daemon = make_daemon().start()
    (folder / "s").symlink_to(daemon.socket)
    check = f'exec "{binaries.path("leasectl")}" check "$LEASE_NAME" "$LEASE_TOKEN"'
    command = [binaries.path("leasectl"), "run", "--socket", "s", name, "sh", "-c", check]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("status", [0, 1, 3, 75, 76, 124, 255])
def test_the_status_of_the_job_is_its_own(ctl: Ctl, name: str, status: int) -> None:
    assert ctl("run", "--try", name, "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [1, 2, 6, 9, 11, 13, 15])
def test_a_job_that_dies_of_a_signal_is_128_and_more(ctl: Ctl, name: str, number: int) -> None:
    assert ctl("run", "--try", name, "sh", "-c", f"ulimit -c 0; kill -{number} $$").returncode == 128 + number


def test_what_cannot_be_run(ctl: Ctl, tmp_path: Path, name: str) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    for command, status in (
        (str(plain), 126), (str(tmp_path), 126), (str(tmp_path / "missing"), 127), ("no-such-command-anywhere", 127),
    ):  # fmt: skip
        done = ctl("run", "--try", name, command)
        assert done.returncode == status, (command, done.stderr)
        assert command in done.stderr
        with ctl.daemon.connect() as client:
            assert client.call("HOLDER", name) is None, "the lease is free again"


def test_a_command_that_is_too_long_cannot_be_executed(ctl: Ctl, name: str) -> None:
    def limit_words() -> None:
        # A quarter of the stack is for arguments and environment (execve(2)).
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    def run(size: int) -> int | None:
        """leasectl's exit status, or `None` if the words are too long even for leasectl."""
        words = ["x" * 1000] * (size // 1000) + ["y" * (size % 1000)]
        try:
            return ctl("run", "--try", name, "true", *words, preexec_fn=limit_words).returncode
        except OSError as error:
            assert error.errno == errno.E2BIG
            return None

    fits, too_many = 1, 1 << 18
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if run(middle) is None:
            too_many = middle
        else:
            fits = middle
    assert run(1) == 0
    assert run(fits) == 126


def test_the_lease_is_free_at_once_after_the_job(ctl: Ctl, name: str) -> None:
    for _ in range(5):
        assert ctl("run", "--try", name, "true").returncode == 0
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None


def test_streams_and_arguments_pass_untouched(ctl: Ctl, tmp_path: Path, name: str) -> None:
    data, script = os.urandom(200_000), 'cat; printf "%s|" "$@" >&2; pwd >&2'
    done = subprocess.run(
        ctl.command("run", "--try", name, "sh", "-c", script, "sh", "a b", "", "*", "$HOME"),
        env=ctl.environ(), input=data, capture_output=True, timeout=30, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout == data
    assert done.stderr.decode() == f"a b||*|$HOME|{tmp_path}\n"


def test_a_reader_that_stops_reading_ends_the_job(ctl: Ctl, name: str) -> None:
    command = " ".join(ctl.command("run", "--try", name, "yes"))
    piped = subprocess.run(
        ["bash", "-c", f'{command} | head -n 1; echo "${{PIPESTATUS[0]}}"'],
        env=ctl.environ(), stdout=subprocess.PIPE, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert piped.stdout.split() == ["y", "141"], "SIGPIPE is as the caller had it"


def test_closed_streams_stay_closed(ctl: Ctl, tmp_path: Path, name: str) -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
        report = tmp_path / "report"
        look = f"import os; open({str(report)!r}, 'w').write(' '.join(os.listdir('/proc/self/fd')))"
        script = tmp_path / "look.py"
        script.write_text(look)
        command = " ".join(ctl.command("run", "--try", name, sys.executable, "-S", str(script)))
        # Files that the job itself opens take the lowest free numbers, with or without leasectl.
        plain = subprocess.run(["sh", "-c", f"exec {sys.executable} -S {script} {closed}"], timeout=30)
        assert plain.returncode == 0
        expected = set(report.read_text().split())
        report.unlink()
        done = subprocess.run(["sh", "-c", f"exec {command} {closed}"], env=ctl.environ(), timeout=30)
        assert done.returncode == 0, closed
        seen = set(report.read_text().split())
        report.unlink()
        low = {fd for fd in seen if int(fd) < 10}
        assert low == {fd for fd in expected if int(fd) < 10}, closed


def test_the_job_inherits_nothing_of_leasectls(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    process = ctl.spawn("run", "--try", name, *job.command)
    pid = job.pid()
    links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    sockets = [fd for fd, target in links.items() if target.startswith("socket:")]
    assert len(sockets) <= 1, f"at most the tie: {links}"
    assert all(fd >= 10 for fd in links if fd > 2 and str(job.folder) not in links[fd]), (
        f"nothing low but streams: {links}"
    )
    job.go()
    assert finish(process)[0] == 0


def test_signal_dispositions_and_mask_pass_untouched(ctl: Ctl, name: str) -> None:
    def sees(prepare: str, *command: str) -> tuple[set[int], set[int]]:
        # No shell in between, since shells clear the mask.
        start = f"import os, signal, sys; {prepare}; os.execv(sys.argv[1], sys.argv[1:])"
        shown = subprocess.run(
            [sys.executable, "-c", start, *command, "/proc/self/status"],
            env=ctl.environ(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        return signal_set(shown, "SigIgn"), signal_set(shown, "SigBlk")

    # The starter of the tests may have left signals ignored that the C library reserves.
    inherited = sees("pass", "/bin/cat")[0] - {13, 25}  # PIPE and XFSZ are set below

    def job_sees(prepare: str) -> tuple[set[int], set[int]]:
        ignored, blocked = sees(prepare, *ctl.command("run", "--try", name, "cat"))
        assert ignored >= inherited
        return ignored - inherited, blocked

    default = "signal.signal(signal.SIGPIPE, signal.SIG_DFL); signal.signal(signal.SIGXFSZ, signal.SIG_DFL)"
    assert job_sees(default) == (set(), set())
    ignoring = (
        default + "; signal.signal(signal.SIGQUIT, signal.SIG_IGN); signal.signal(signal.SIGPIPE, signal.SIG_IGN)"
    )
    assert job_sees(ignoring) == ({3, 13}, set())
    assert job_sees(default + "; signal.pthread_sigmask(signal.SIG_BLOCK, {10, 12})") == (set(), {10, 12})
    both = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, {15, 17, 2})"
    assert job_sees(f"{default}; {both}") == ({15}, {2, 15, 17})


def test_at_most_stops_the_job(ctl: Ctl, tmp_path: Path, name: str) -> None:
    job = Job(tmp_path)
    started = now()
    process = ctl.spawn("run", "--try", "--at-most", "1s", name, *job.command)
    pid = job.pid()
    assert finish(process)[0] == 124
    assert now() - started >= 1
    gone(pid)
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None
    assert ctl("run", "--try", "--at-most", "30s", name, "true").returncode == 0


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--ttl", "22s", "--grace", "10s"], 0), (["--ttl", "21999ms", "--grace", "10s"], 64),
        (["--ttl", "4s", "--grace", "1s"], 0), (["--ttl", "3999ms", "--grace", "1s"], 64),
        (["--ttl", "30"], 64), (["--grace", "1"], 64), (["-E", "x"], 64), (["-E", "256"], 64),
        (["--at-most", "soon"], 64), (["--ttl", "367d"], 64),
        (["--at-least", "0s"], 0), (["--at-least", "500ms"], 0), (["--at-least", "9999999d"], 0),
        (["--at-least", "500"], 64),
    ],
)  # fmt: skip
def test_the_ttl_leaves_room_for_the_grace(ctl: Ctl, name: str, options: list[str], status: int) -> None:
    assert ctl("run", "--try", *options, name, "true").returncode == status


def test_a_report_for_a_reader_that_is_not_there_is_an_error(ctl: Ctl, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = ctl("run", "--try", "--report", str(tmp_path / "fifo"), name, "true")
    assert done.returncode == 0, "the job's"
    assert f"the report {tmp_path / 'fifo'} cannot be written" in done.stderr


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_report_to_what_is_open_goes_where_that_stands(ctl: Ctl, tmp_path: Path, name: str, target: str) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        out.write("before\n")
        out.flush()
        process = ctl.spawn("run", "--try", "--report", target, name, "echo", "job", stdout=out)
        assert process.wait(20) == 0
    lines = log.read_text().splitlines()
    assert lines[:2] == ["before", "job"]
    assert json.loads(lines[2])["outcome"] == "exited"
    assert not [path.name for path in tmp_path.iterdir() if "report" in path.name]


def test_thousands_of_arguments_are_the_jobs(ctl: Ctl, name: str) -> None:
    words = [str(number) for number in range(20_000)]
    assert ctl("run", "--try", name, "sh", "-c", 'echo $#,$1,${20000}', "sh", *words).stdout == "20000,0,19999\n"


def test_the_report_is_one_object(ctl: Ctl, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.json"

    def report(*command: str, status: int) -> dict[str, object]:
        path.unlink(missing_ok=True)
        done = ctl("run", "--try", "--report", str(path), *command)
        assert done.returncode == status, done.stderr
        told = json.loads(path.read_text())
        assert isinstance(told, dict)
        return told

    ran = report(name, "sh", "-c", "exit 3", status=3)
    assert {"outcome", "fence", "waited_ms", "held_ms"} <= set(ran)
    assert type(ran["fence"]) is int
    assert 3 in ran.values()
    killed = report(name, "sh", "-c", "kill -9 $$", status=137)
    assert type(killed["fence"]) is int
    assert killed["fence"] > ran["fence"]
    assert 9 in killed.values() or "KILL" in str(killed.values())
    with ctl.daemon.connect() as client:
        client.call("ACQUIRE", name, "30s")
    held = report(name, "true", status=75)
    assert held["outcome"] != ran["outcome"]


@pytest.fixture
def protected_links() -> Iterator[None]:
    """Sets the kernel's rule on links in shared folders (proc(5), protected_symlinks) as distributions do."""
    setting = Path("/proc/sys/fs/protected_symlinks")
    before = setting.read_text()
    try:
        setting.write_text("1\n")
    except OSError as error:
        pytest.skip(f"the kernel's rule on links cannot be set: {error}")
    yield
    setting.write_text(before)


@pytest.mark.root
@pytest.mark.usefixtures("protected_links")
@pytest.mark.parametrize("exists", [True, False])
def test_a_report_follows_no_link_that_another_laid_in_a_shared_folder(
    ctl: Ctl, tmp_path: Path, name: str, exists: bool
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    target = tmp_path / "target"
    if exists:
        target.write_text("as it was")
    link = shared / "report.json"
    link.symlink_to(target)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    done = ctl("run", "--report", str(link), name, "true")
    assert done.returncode == 0
    assert "cannot be written" in done.stderr
    assert target.exists() == exists
    assert not exists or target.read_text() == "as it was"


@pytest.mark.root
def test_a_report_keeps_the_owner_and_needs_no_folder_of_its_own(daemon: Daemon, tmp_path: Path, name: str) -> None:
    """Another user's file stays that user's; a writable file is written, even in a folder that is not writable."""
    path = tmp_path / "report.json"
    path.touch()
    os.chown(path, STRANGER, STRANGER)
    path.chmod(0o640)
    root, stranger = Ctl(daemon), Ctl(daemon, wrapper=["setpriv", "--reuid", str(STRANGER), "--clear-groups"])
    admit_everyone(daemon.socket)
    for ctl, status in ((root, 1), (stranger, 2)):
        done = ctl("run", "--report", str(path), name, "sh", "-c", f"exit {status}")
        assert (done.returncode, done.stderr) == (status, "")
        assert json.loads(path.read_text())["exit_code"] == status
        shown = path.stat()
        assert (shown.st_uid, shown.st_gid, shown.st_mode & 0o777) == (STRANGER, STRANGER, 0o640)
    assert [file.name for file in tmp_path.iterdir() if "report" in file.name] == ["report.json"]


def test_a_job_may_renew_by_itself(ctl: Ctl, tmp_path: Path, name: str) -> None:
    """On EXPIRED leasectl asks HOLDER: the fence is its own, so it adopts the newest token."""
    job = Job(tmp_path, 'tell fence "$LEASE_TOKEN"; wait_for_go')
    process = ctl.spawn("run", "--try", "--ttl", "4s", "--grace", "1s", name, *job.command)
    fence = int(job.told("fence"))
    with ctl.daemon.connect() as client:

        def renewed_by_the_job() -> int:
            held = client.holder(name)
            assert held is not None
            client.send("RENEW", name, held["token"], "4s")
            reply = client.receive()
            return reply if type(reply) is int else 0

        mine = eventually(renewed_by_the_job, 5, "a renewal by the job")

        def renewed_by_leasectl() -> bool:
            held = client.holder(name)
            assert held is not None
            assert held["fence"] == fence
            return bool(held["token"] > mine)

        eventually(renewed_by_leasectl, 10, "a renewal by leasectl with the token it adopted")
    job.go()
    assert finish(process)[0] == 0
