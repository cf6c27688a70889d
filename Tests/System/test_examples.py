"""The examples: each runs with its one command, and the code to copy behaves correctly when something goes wrong."""

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness import binaries
from harness.clock import eventually
from harness.ctl import alive, stop_and_reap
from harness.daemon import Daemon
from harness.machine import Machine
from harness.resp import OK, Connection
from harness.waiting import await_waiters, free, join
from harness.watching import Watcher

EXAMPLES = binaries.REPOSITORY / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
# For what needs many steps of other processes.
WITHIN = 60.0


def environment(**more: object) -> dict[str, str]:
    """This process's environment with the programs under test, and no daemon."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LEASE_", "LEASED_", "MAKE", "MFLAGS"))}
    known = {"LEASED_BIN_DIR": binaries.directory(), "PYTHON": sys.executable, **more}
    return inherited | {name: str(value) for name, value in known.items()}


# The one command


def test_each_example_is_listed_and_names_its_command() -> None:
    listed = re.findall(r"\| \[`([^`]+)`\]\(([^)]+)\) \|", (EXAMPLES / "README.md").read_text())
    assert sorted(name for name, _ in listed) == FOLDERS == sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir())
    assert all(name == target for name, target in listed)
    for name in FOLDERS:
        assert f"examples/{name}/run.sh" in (EXAMPLES / name / "README.md").read_text()
        assert os.access(EXAMPLES / name / "run.sh", os.X_OK)


def running(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for number in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(number) == session and alive(number):
                found.append(number)
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_runs_by_one_command_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    if name == "swift-service":
        binaries.path("ExampleService")
    process = subprocess.Popen(
        [EXAMPLES / name / "run.sh"],
        env=environment(TMPDIR=tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        shown, _ = process.communicate(timeout=110)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            print(process.communicate()[0])
    assert process.returncode == 0, shown

    eventually(lambda: not running(process.pid), 20, f"the end of all that {name} has started; it said:\n{shown}")
    assert list(tmp_path.iterdir()) == []


# Programs that hold a lease


class Program:
    """A program of an example that runs beside the test. Its output is read line by line."""

    def __init__(self, folder: Path, command: list[str | Path], **details: Any) -> None:
        self._said = folder / f"said-{len(list(folder.glob('said-*')))}"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, **details
            )

    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def says(self, text: str, times: int = 1) -> None:
        """Waits until it has written this, this many times in all."""
        eventually(lambda: self.said().count(text) >= times or self.process.poll() is not None, WITHIN, text)
        assert self.said().count(text) >= times, f"it ended with {self.process.poll()} and said:\n{self.said()}"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self) -> int:
        return self.process.wait(WITHIN)

    def fences(self) -> list[int]:
        """The fences in its output, in order."""
        return [int(fence) for fence in re.findall(r"fence[ =](\d{10,})", self.said())]


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts programs against a daemon; all are ended afterwards."""
    started: list[Program] = []

    def begin(daemon: Daemon | Path, *command: str | Path, **variables: object) -> Program:
        path = daemon.socket if isinstance(daemon, Daemon) else daemon
        # The temporary files of a killed program stay in the test's folder.
        known = environment(LEASED_SOCKET=path, TMPDIR=tmp_path, **variables)
        started.append(Program(tmp_path, list(command), env=known))
        return started[-1]

    yield begin
    for program in started:
        stop_and_reap(program.process)


class LossyPath:
    """A socket that leads to the daemon, and closes the connection instead of passing on a reply, once for each `lose`.
    """

    def __init__(self, daemon: Daemon, path: Path) -> None:
        self.path, self._daemon = path, daemon
        self._lost: list[bytes] = []
        self.cuts = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, verb: str) -> None:
        self._lost.append(verb.encode())

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        cut = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._daemon.socket))

            def replies() -> None:
                with contextlib.suppress(OSError):
                    while data := server.recv(1 << 16):
                        if cut.is_set():
                            self.cuts += 1
                            break
                        client.sendall(data)
                    client.shutdown(socket.SHUT_RDWR)

            back = threading.Thread(target=replies, daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(1 << 16):
                    # Each client here sends a command, reads its reply, and then sends the next.
                    if self._lost and self._lost[0] in data:
                        self._lost.pop(0)
                        cut.set()
                    server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            back.join()


def fence(client: Connection, name: str) -> int:
    """The fence of a lease that is held."""
    holder = eventually(lambda: client.holder(name) or {}, WITHIN, f"a holder of {name}")
    return int(holder["fence"])


def written_under(client: Connection, key: str, within: float = WITHIN) -> bytes:
    """What a leader has written."""
    return bytes(eventually(lambda: client.call("GET", key), within, f"a value under {key}"))


# A leader in Python

LEADER = EXAMPLES / "python-leader" / "leader.py"


def leader(ttl: str = "1h") -> list[str]:
    return [sys.executable, str(LEADER), "shop", ttl]


def test_python_leader_writes_under_its_fence_and_hands_over_at_the_end(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client, Watcher(daemon, "shop") as watcher:
        first = start(daemon, *leader())
        first.says("leading under")
        assert first.fences() == [fence(client, "shop")]
        assert written_under(client, "shop/leader").startswith(b"leader.py %d, round " % first.process.pid)
        second = start(daemon, *leader())
        await_waiters(client, "shop", 1)
        first.signal(signal.SIGTERM)
        assert first.ends() == 0
        second.says("leading under")
        assert second.fences() > first.fences()
        assert watcher.until("released")[-1].fence == first.fences()[0]


def test_python_leader_that_is_killed_is_followed_at_once(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client:
        first = start(daemon, *leader())
        first.says("leading under")
        second = start(daemon, *leader())
        await_waiters(client, "shop", 1)
        first.signal(signal.SIGKILL)
        # The lease would have lasted for an hour.
        second.says("leading under")


def test_python_leader_that_waits_leaves_the_queue_when_it_is_told_to_stop(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client:
        client.call("ACQUIRE", "shop", "1h")
        waiting = start(daemon, *leader())
        await_waiters(client, "shop", 1)
        waiting.signal(signal.SIGTERM)
        waiting.ends()
        await_waiters(client, "shop", 0)


@pytest.mark.slow
def test_python_leader_outlives_restarts_of_the_daemon(daemon: Daemon, start: Start) -> None:
    first, second = start(daemon, *leader("30s")), None
    first.says("leading under")
    with daemon.connect() as client:
        second = start(daemon, *leader("30s"))
        await_waiters(client, "shop", 1)
    daemon.restart()
    with daemon.connect() as client:
        await_waiters(client, "shop", 1)
        rounds = written_under(client, "shop/leader")
        eventually(lambda: client.call("GET", "shop/leader") != rounds, WITHIN, "another round")
        assert first.fences() == [fence(client, "shop")]
        eventually(lambda: (client.holder("shop") or {}).get("renewals"), WITHIN, "a renewal")
        first.signal(signal.SIGTERM)
        assert first.ends() == 0
        second.says("leading under")


def test_python_leader_whose_lease_is_revoked_campaigns_again(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client:
        program = start(daemon, *leader())
        for times in (1, 2, 3):
            program.says("leading under", times)
            written_under(client, "shop/leader")
            assert client.call("REVOKE", "shop") == 1
            program.says("leading no more", times)
    assert program.fences() == sorted(set(program.fences()))


def test_python_leader_that_wakes_up_late_writes_nothing(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client:
        program = start(daemon, *leader("2s"))
        program.says("leading under")
        program.signal(signal.SIGSTOP)
        with daemon.connect(timeout=WITHIN) as late:
            token = late.call("ACQUIRE", "shop", "1h", "WAIT", "FOREVER")
            assert late.call("PUT", "shop/leader", "the late one", "IF", "shop", token) == OK
            program.signal(signal.SIGCONT)
            await_waiters(client, "shop", 1)
            assert client.call("GET", "shop/leader") == b"the late one"
            before = len(program.fences())
            assert late.call("RELEASE", "shop", token) == OK
        eventually(lambda: len(program.fences()) > before, WITHIN, "another term")
        assert program.fences()[-1] > token


@pytest.mark.parametrize("verb", ["ACQUIRE", "CHECK"])
def test_python_leader_leads_though_the_reply_to_its_campaign_is_lost(
    daemon: Daemon, start: Start, tmp_path: Path, verb: str
) -> None:
    path = LossyPath(daemon, tmp_path / "lossy")
    path.lose(verb)
    with daemon.connect() as client:
        program = start(path.path, *leader())
        program.says("leading under")
        assert path.cuts == 1
        assert program.fences() == [fence(client, "shop")]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["RENEW", "CHECK"])
def test_python_leader_leads_on_though_the_reply_to_a_renewal_is_lost(
    daemon: Daemon, start: Start, tmp_path: Path, verb: str
) -> None:
    path = LossyPath(daemon, tmp_path / "lossy")
    with daemon.connect() as client:
        program = start(path.path, *leader("20s"))
        program.says("leading under")
        path.lose(verb)
        program.says("not renewed")
        assert path.cuts == 1
        known = eventually(lambda: (client.holder("shop") or {}).get("renewals"), WITHIN, "the renewal")
        eventually(lambda: client.holder("shop")["renewals"] > known, WITHIN, "the next one")  # type: ignore[index]
        assert program.fences() == [fence(client, "shop")]
        path.lose("RELEASE")
        program.signal(signal.SIGTERM)
        assert program.ends() == 0
        assert path.cuts == 2
        free(client, "shop")


# A service in Swift


def test_swift_service_hands_over_at_the_end_and_leads_again_after_a_loss(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client, Watcher(daemon, "scheduler") as watcher:
        first = start(daemon, binaries.path("ExampleService"))
        first.says("leading")
        second = start(daemon, binaries.path("ExampleService"))
        await_waiters(client, "scheduler", 1)
        assert int(written_under(client, "scheduler/round")) > 0
        before = fence(client, "scheduler")

        # It is lost; the other one leads, and this one waits.
        assert client.call("REVOKE", "scheduler") == 1
        first.says("leading no more")
        second.says("leading")
        await_waiters(client, "scheduler", 1)
        assert fence(client, "scheduler") > before

        second.signal(signal.SIGTERM)
        assert second.ends() == 0
        assert watcher.until("released")
        eventually(lambda: len(set(first.fences())) == 2, WITHIN, "the first one to lead again")
        daemon.restart()
    with daemon.connect() as client:
        assert fence(client, "scheduler") == first.fences()[-1]
        rounds = written_under(client, "scheduler/round")
        eventually(lambda: client.call("GET", "scheduler/round") != rounds, WITHIN, "another round")
    first.signal(signal.SIGTERM)
    assert first.ends() == 0


# Stores that refuse


@pytest.fixture(scope="module")
def stores() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stores", EXAMPLES / "fenced-writer" / "stores.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fenced_file_refuses_what_is_smaller_than_the_greatest_fence(stores: ModuleType, tmp_path: Path) -> None:
    file = stores.FencedFile(tmp_path / "report")
    file.write(b"one", 5)
    file.write(b"two", 5)
    file.write(b"three", 7)
    for stale in (6, 5, 1):
        with pytest.raises(stores.StaleFenceError, match=f"fence {stale} is stale, 7 has been here"):
            file.write(b"late", stale)
    file.claim(9)
    with pytest.raises(stores.StaleFenceError):
        file.write(b"late", 8)
    assert (tmp_path / "report").read_bytes() == b"three"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "report.fence", "report.lock"]


def test_fenced_file_that_fails_in_the_middle_keeps_its_content_and_the_greater_fence(
    stores: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stores.FencedFile(tmp_path / "report")
    file.write(b"old", 5)
    replace = os.replace

    def fail(source: str, target: Path) -> None:
        if Path(target).name == "report":
            raise OSError("the disk is gone")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="gone"):
        file.write(b"new", 7)
    monkeypatch.undo()
    assert (tmp_path / "report").read_bytes() == b"old"
    with pytest.raises(stores.StaleFenceError):
        file.write(b"late", 6)
    file.write(b"new", 7)
    assert len(list(tmp_path.iterdir())) == 3


def test_fenced_table_refuses_a_stale_writer_also_in_rows_that_nobody_has_touched(
    stores: ModuleType, tmp_path: Path
) -> None:
    table, other = (stores.FencedTable(tmp_path / "db", "report") for _ in range(2))
    table.write("a", "one", 5)
    other.write("a", "two", 5)
    other.write("b", "three", 7)
    for name in "abc":
        with pytest.raises(stores.StaleFenceError, match="fence 5 is stale, 7 has been here"):
            table.write(name, "late", 5)
    other.claim(9)
    with pytest.raises(stores.StaleFenceError):
        table.write("a", "late", 7)
    assert [table.read(name) for name in "abc"] == ["two", "three", None]
    # Another lease has separate fences.
    third = stores.FencedTable(tmp_path / "db", "cleaning")
    third.write("d", "four", 1)
    for each in (table, other, third):
        each.close()


def test_fenced_table_takes_back_the_fence_and_the_writes_of_a_transaction_that_fails(
    stores: ModuleType, tmp_path: Path
) -> None:
    table = stores.FencedTable(tmp_path / "db", "report")
    table.write("a", "one", 5)

    def fail() -> None:
        with table.transaction(7) as database:
            database.execute("UPDATE texts SET text = 'two'")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    table.write("b", "three", 6)
    assert [table.read(name) for name in "ab"] == ["one", "three"]
    table.close()


WRITE = """
import sys
sys.path[0] = sys.argv[1]
import stores
file, table = stores.FencedFile(sys.argv[2]), stores.FencedTable(sys.argv[3], "report")
for fence in range(int(sys.argv[4]), 200, 4):
    for write in (lambda: file.write(b"%d" % fence, fence), lambda: table.write("a", str(fence), fence)):
        try:
            write()
        except stores.StaleFenceError:
            pass
"""


def test_the_greatest_fence_wins_in_both_stores_whoever_comes_when(stores: ModuleType, tmp_path: Path) -> None:
    words = [sys.executable, "-c", WRITE, str(EXAMPLES / "fenced-writer"), str(tmp_path / "file"), str(tmp_path / "db")]
    writers = [subprocess.Popen([*words, str(number)]) for number in range(1, 5)]
    assert [writer.wait(100) for writer in writers] == [0] * 4
    assert (tmp_path / "file").read_bytes() == b"199"
    table = stores.FencedTable(tmp_path / "db", "report")
    assert table.read("a") == "199"
    table.close()


# A program in C


@pytest.fixture(scope="module")
def add(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("add")
    command = ["make", "--directory", str(EXAMPLES / "c-hiredis"), f"OUT={folder}", "CFLAGS=-O2 -g -Werror"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    return folder / "add"


def test_c_program_adds_and_gives_the_lease_back(daemon: Daemon, start: Start, add: Path) -> None:
    with daemon.connect() as client, Watcher(daemon, "two words") as watcher:
        for number, sum_ in [("40", "40"), ("2", "42"), ("-50", "-8")]:
            program = start(daemon, add, "two words", "a key", number)
            assert program.ends() == 0
            assert program.said().splitlines()[-1] == sum_
        assert client.call("GET", "a key") == b"-8"
        assert watcher.kinds() == ["acquired", "released"] * 3


@pytest.mark.parametrize(
    ("words", "status"),
    [(["a"], 64), (["a", "b", "many"], 64), (["a", "text", "1"], 65), (["", "b", "1"], 70)],
)
def test_c_program_says_what_is_wrong_by_its_status(
    daemon: Daemon, start: Start, add: Path, words: list[str], status: int
) -> None:
    with daemon.connect() as client:
        client.call("PUT", "text", "no number")
        assert start(daemon, add, *words).ends() == status
        free(client, "a")


def test_c_program_ends_when_the_daemon_goes_and_writes_nothing(daemon: Daemon, start: Start, add: Path) -> None:
    assert start(daemon.folder / "nowhere", add, "a", "key", "1").ends() == 69
    program = start(daemon, add, "a", "key", "1", "1000000")
    program.says("holds")
    daemon.restart()
    assert program.ends() == 69
    with daemon.connect() as client:
        assert client.call("GET", "key") is None


def test_c_program_whose_lease_was_taken_away_while_it_was_stopped_writes_nothing(
    daemon: Daemon, start: Start, add: Path
) -> None:
    with daemon.connect() as client:
        program = start(daemon, add, "a", "key", "1", "1000000")
        program.says("holds")
        program.signal(signal.SIGSTOP)
        assert client.call("REVOKE", "a") == 1
        late = start(daemon, add, "a", "key", "10")
        assert late.ends() == 0
        program.signal(signal.SIGCONT)
        assert program.ends() == 76
        assert client.call("GET", "key") == b"10"


# A shell script

STEPS = EXAMPLES / "shell-socat" / "steps.sh"


def test_shell_script_runs_steps_under_one_fence_and_renews_between_them(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client, Watcher(daemon, "backup") as watcher:
        steps = ['echo "$LEASE_NAME, fence $LEASE_TOKEN"'] * 3
        program = start(daemon, STEPS, "backup", *steps)
        assert program.ends() == 0
        assert program.said().splitlines() == [f"backup, fence {watcher.until('released')[-1].fence}"] * 3
        assert client.call("GET", "backup/done")


@pytest.mark.parametrize("name", ["a b", 'it\'s "so" \\ $HOME `x` %s', "line\nend", "é-ß", "-n"])
def test_shell_script_takes_any_name(daemon: Daemon, start: Start, name: str) -> None:
    with daemon.connect() as client:
        program = start(daemon, STEPS, name, "true")
        assert (program.ends(), program.said()) == (0, "")
        assert client.call("GET", f"{name}/done")


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_shell_script_passes_a_failure_on_and_gives_the_lease_back(daemon: Daemon, start: Start, shell: str) -> None:
    with daemon.connect() as client, Watcher(daemon, "backup") as watcher:
        program = start(daemon, shell, STEPS, "backup", "echo one", "exit 7", "echo three")
        assert (program.ends(), program.said()) == (7, "one\n")
        assert watcher.kinds() == ["acquired", "released"]
        assert client.call("GET", "backup/done") is None


def test_shell_script_finds_the_lease_held_or_the_daemon_away(daemon: Daemon, start: Start) -> None:
    with daemon.connect() as client:
        client.call("ACQUIRE", "backup", "1h")
        program = start(daemon, STEPS, "backup", "echo never")
        assert program.ends() == 75
        assert "CONFLICT" in program.said()
        assert start(daemon.folder / "nowhere", STEPS, "backup", "echo never").ends() == 69
        assert start(daemon, STEPS, "backup").ends() == 64
        assert start(daemon, STEPS, "backup", "echo never", TTL="5").ends() == 70


def test_shell_script_whose_daemon_is_killed_begins_no_further_step(
    daemon: Daemon, start: Start, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    program = start(daemon, STEPS, "backup", f"echo one; read -r _ < {tmp_path}/go", "echo two")
    program.says("one")
    daemon.kill()
    (tmp_path / "go").write_text("\n")
    assert program.ends() == 69
    assert "two" not in program.said()


def test_shell_script_that_is_told_to_stop_gives_the_lease_back(daemon: Daemon, start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with Watcher(daemon, "backup") as watcher:
        program = start(daemon, STEPS, "backup", f"echo one; read -r _ < {tmp_path}/go", "echo two")
        program.says("one")
        program.signal(signal.SIGTERM)
        (tmp_path / "go").write_text("\n")
        assert program.ends() == 143
        assert watcher.until("released")
        assert "two" not in program.said()


def test_shell_script_frees_the_lease_when_it_is_killed_whatever_a_step_has_left_running(
    daemon: Daemon, start: Start, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    with daemon.connect() as client, Watcher(daemon, "backup") as watcher:
        program = start(daemon, STEPS, "backup", f"echo one; read -r _ < {tmp_path}/go", TTL="1h")
        program.says("one")
        with join(daemon, client, "backup") as waiter:
            program.signal(signal.SIGKILL)
            assert waiter.receive() == fence(client, "backup")
        events = watcher.until("lost")
        assert [event.kind for event in events] == ["acquired", "lost"]
        assert events[0].fence == events[1].fence
    (tmp_path / "go").write_text("\n")


# Cron and the timer


@pytest.mark.machine
def test_cron_and_the_timer_never_overlap(machine: Machine) -> None:
    machine.must("systemctl", "start", "leased.service")
    job = "#!/bin/sh\necho begins >> /tmp/log\nread -r _ < /tmp/go\necho ends >> /tmp/log\n"
    machine.write("/usr/local/bin/nightly", job)
    machine.path("/usr/local/bin/nightly").chmod(0o755)
    machine.must("mkfifo", "/tmp/go")
    log = machine.path("/tmp/log")
    (line,) = re.findall(r"^(?:[\d*]+ ){5} (\S.*)$", (EXAMPLES / "cron" / "crontab").read_text(), re.MULTILINE)
    (path,) = re.findall(r"^PATH=(.*)$", (EXAMPLES / "cron" / "crontab").read_text(), re.MULTILINE)
    # With cron's environment.
    cron = ("env", "--ignore-environment", f"PATH={path}", "HOME=/root", "SHELL=/bin/sh", "/bin/sh", "-c", line)

    first, second = (machine.spawn(*cron) for _ in range(2))
    eventually(lambda: log.exists() or None not in (first.poll(), second.poll()), WITHIN, "the job")
    eventually(lambda: None in (first.poll(), second.poll()) and {0} & {first.poll(), second.poll()}, WITHIN, "a skip")
    assert log.read_text() == "begins\n"

    # The timer is due each second instead of each night.
    for unit in ("nightly.service", "nightly.timer"):
        machine.write(f"/etc/systemd/system/{unit}", (EXAMPLES / "cron" / unit).read_text())
    machine.drop_in("nightly.timer", "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\nAccuracySec=1ms\n")
    assert machine.must("systemd-analyze", "verify", "nightly.timer", "nightly.service") == ""
    machine.must("systemctl", "start", "nightly.timer")
    runs = "journalctl --unit=nightly.service --output=cat --grep=Finished | wc --lines"
    eventually(lambda: int(machine.must("sh", "-c", runs)) >= 2, WITHIN, "two runs of the timer that are skipped")
    assert machine.show("nightly.service", "Result") == "success"
    assert log.read_text() == "begins\n", "the job of cron runs, and no other"

    # Cron's job ends, and the timer's runs; now cron's line is skipped.
    machine.must("sh", "-c", "echo go > /tmp/go")
    assert [first.wait(WITHIN), second.wait(WITHIN)] == [0, 0]
    eventually(lambda: log.read_text() == "begins\nends\nbegins\n", WITHIN, "the job of the timer")
    assert machine.state("nightly.service") == "activating"
    machine.must(*cron)
    assert log.read_text() == "begins\nends\nbegins\n"
    machine.must("systemctl", "stop", "nightly.timer")
    machine.must("sh", "-c", "echo go > /tmp/go")
    machine.becomes("nightly.service", "inactive")
    assert log.read_text() == "begins\nends\n" * 2
    with machine.connect() as client:
        free(client, "nightly")
