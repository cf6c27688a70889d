"""`leasectl watch`: one line per event, first the present state; and what `list` and `status` show of it."""

import json
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from harness.clock import eventually
from harness.ctl import Ctl, finish
from harness.daemon import Daemon
from harness.holding import tie
from harness.resp import Connection
from harness.waiting import await_waiters, join

KINDS = {"acquired", "released", "expired", "overdue", "revoking", "revoked", "lost"}


@pytest.fixture
def ctl(shared: Daemon) -> Ctl:
    return Ctl(shared)


class Watch:
    """A running `leasectl watch` and the lines that it has written, read as they come."""

    def __init__(self, ctl: Ctl, *arguments: str) -> None:
        self.process = ctl.spawn("watch", *arguments)
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(10)
        self._thread.join(5)
        return status

    def line(self) -> str:
        """The next line, written and flushed at once even without a terminal."""
        try:
            return self._lines.get(timeout=10)
        except queue.Empty:
            error = ""
            if self.process.poll() is not None and self.process.stderr is not None:
                error = self.process.stderr.read()
            raise AssertionError(f"no line came ({self.process.poll()}): {error}") from None

    def object(self) -> dict[str, Any]:
        told = json.loads(self.line())
        assert isinstance(told, dict)
        return told

    def quiet(self) -> bool:
        return self._lines.empty()


@pytest.fixture
def begun(ctl: Ctl, other: Connection, name: str) -> Iterator[Watch]:
    """`watch --json` of this test's leases, after it has shown the present state of one."""
    other.call("ACQUIRE", name + "/first", "1h")
    with Watch(ctl, "--json", name + "/*") as watch:
        assert watch.object()["name"] == name + "/first"
        yield watch


def test_first_the_present_state_then_each_event(ctl: Ctl, shared: Daemon, other: Connection, name: str) -> None:
    fences = {which: other.call("ACQUIRE", f"{name}/{which}", "1h", "OWNER", f"owner of {which}") for which in "abc"}
    with Watch(ctl, "--json", name + "/*") as watch:
        present = [watch.object() for _ in fences]
        assert {told["name"]: told["fence"] for told in present} == {f"{name}/{k}": v for k, v in fences.items()}
        assert {told["owner"] for told in present} == {f"owner of {which}" for which in "abc"}
        other.call("RELEASE", name + "/b", fences["b"])
        told = watch.object()
        assert (told["event"], told["name"], told["fence"]) == ("released", name + "/b", fences["b"])
        fence = other.call("ACQUIRE", name + "/b", "30s", "OWNER", "again")
        told = watch.object()
        assert (told["event"], told["fence"], told["owner"], told["ttl_ms"]) == ("acquired", fence, "again", 30_000)
        other.call("ACQUIRE", name, "30s")
        other.call("REVOKE", name + "/c", "AFTER", "1h", "REASON", "space")
        told = watch.object()
        assert (told["event"], told["reason"], told["after_ms"]) == ("revoking", "space", 3_600_000)
        assert watch.quiet(), "nothing of leases that the glob leaves out"


def test_each_kind_of_event(begun: Watch, shared: Daemon, other: Connection, name: str) -> None:
    fence = other.call("ACQUIRE", name + "/x", "1s")
    with tie(shared, name + "/x", fence):
        assert [begun.object()["event"] for _ in range(2)] == ["acquired", "overdue"]
    assert begun.object()["event"] == "lost"
    other.call("ACQUIRE", name + "/x", "1s")
    assert [begun.object()["event"] for _ in range(2)] == ["acquired", "expired"]
    other.call("REVOKE", name + "/first")
    told = begun.object()
    assert (told["event"], told["name"]) == ("revoked", name + "/first")
    assert all(type(told[key]) is int for key in ("fence", "at_ms"))


def test_several_globs_and_none(ctl: Ctl, other: Connection, name: str) -> None:
    a, b, c = (f"{name}/{which}" for which in "abc")
    other.call("ACQUIRE", a, "1h")
    with Watch(ctl, "--json", a, b + "*") as some, Watch(ctl, "--json") as every:
        assert some.object()["name"] == a
        while every.object()["name"] != a:
            pass
        for lease in (c, b, b + "b"):
            other.call("ACQUIRE", lease, "1h")
        assert [some.object()["name"] for _ in range(2)] == [b, b + "b"]
        seen: set[str] = set()
        while not {b, c, b + "b"} <= seen:
            seen.add(every.object()["name"])


def test_lines_for_people(ctl: Ctl, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1h", "OWNER", "the night job")
    with Watch(ctl, name) as watch:
        line = watch.line()
        assert name in line
        assert "the night job" in line
        assert "\x1b" not in line, "no colour where there is no terminal"
        other.call("REVOKE", name, "REASON", "make room")
        line = watch.line()
        assert name in line
        assert "revoked" in line
        assert "make room" in line


@pytest.mark.parametrize("tail", [b"\x1b[31m", b"\n", b"\xff\xfe", b"\r", b"\x00", b"\xc2\x9b"])
def test_a_name_of_any_bytes_spoils_no_line(ctl: Ctl, other: Connection, name: str, tail: bytes) -> None:
    lease = name.encode() + tail + b"end"
    other.call("ACQUIRE", lease, "1h")
    with Watch(ctl, name + "*") as people, Watch(ctl, "--json", name + "*") as machine:
        for kind in ("present", "revoked"):
            line = people.line()
            assert line.endswith("\n")
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\udc80-\udcff]", line.rstrip("\n")), repr(line)
            assert name in line
            assert type(machine.object()["fence"]) is int
            if kind == "present":
                other.call("REVOKE", lease)
        assert people.quiet()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(ctl: Ctl, other: Connection, name: str, number: int) -> None:
    other.call("ACQUIRE", name, "1h")
    with Watch(ctl, name) as watch:
        watch.line()
        assert watch.stop(number) in {0, 128 + number, -number}


def test_a_reader_that_goes_away_ends_it(ctl: Ctl, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1h")
    command = " ".join(ctl.command("watch", name))
    process = subprocess.Popen(
        ["bash", "-c", f'{command} | head -n 1; echo "${{PIPESTATUS[0]}}"'],
        env=ctl.environ(), stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert name in process.stdout.readline()
    # Nothing happens to the lease: the end of the reader is enough.
    eventually(lambda: process.poll() is not None, 20, "the end of the pipeline")
    assert process.stdout.read().split()[-1] in {"0", "141"}


def test_it_outlives_the_daemon(daemon: Daemon, name: str) -> None:
    """It prints the state again, so that what happened meanwhile is not missed."""
    with daemon.connect() as client, Watch(Ctl(daemon), "--json", "*") as watch:
        fence = client.call("ACQUIRE", name, "1h")
        while watch.object().get("fence") != fence:
            pass
        gone = client.call("ACQUIRE", name + "-gone", "1h")
        while watch.object().get("fence") != gone:
            pass
        daemon.restart()
        with daemon.connect() as back:
            later = back.call("ACQUIRE", name + "-later", "1h")
            while watch.object().get("fence") != later:
                pass
        assert watch.process.poll() is None


def test_no_daemon_is_69(tmp_path: Any) -> None:
    daemon = Daemon(tmp_path)
    refused = Ctl(daemon)("watch")
    assert refused.returncode == 69
    assert str(daemon.socket) in refused.stderr


def test_colour_only_on_a_terminal_and_never_with_no_color(ctl: Ctl, other: Connection, name: str) -> None:
    other.call("ACQUIRE", name, "1h")
    program, *rest = ctl.command("watch", name)
    child: pexpect.spawn[Any] = pexpect.spawn(
        program, rest, env={**ctl.environ(), "NO_COLOR": "1", "TERM": "xterm-256color"}, timeout=20, use_poll=True
    )
    child.expect_exact(name)
    child.expect("\n")
    shown = child.before + child.after if isinstance(child.before, bytes) else b""
    assert b"\x1b[3" not in shown
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()


def test_list_and_status_show_who_waits_and_how_it_is_held(
    ctl: Ctl, shared: Daemon, other: Connection, name: str
) -> None:
    fence = other.call("ACQUIRE", name, "1s", "OWNER", "the holder")
    with tie(shared, name, fence), join(shared, other, name), join(shared, other, name):
        eventually(lambda: (other.holder(name) or {})["state"] == b"overdue", 5, "overdue")
        (status,) = ctl.json("status", name)
        assert (status["waiters"], status["state"], int(status["tied"])) == (2, "overdue", 1)
        for shown in (ctl.answer("status", name), ctl.answer("list", name)):
            assert "overdue" in shown
            assert re.search(r"\b2\b", shown), "how many wait"
        ctl.answer("revoke", "--after", "1h", name)
        assert "revoking" in ctl.answer("list", name)
        assert ctl.json("list", name)[0]["state"] == "revoking"


def test_revoke_tells_its_reason(ctl: Ctl, shared: Daemon, other: Connection, begun: Watch, name: str) -> None:
    ctl.answer("revoke", "--after", "90s", "--reason", "moving house", name + "/first")
    told = begun.object()
    assert (told["event"], told["reason"], told["after_ms"]) == ("revoking", "moving house", 90_000)


def test_watch_and_wait_together(ctl: Ctl, other: Connection, begun: Watch, name: str) -> None:
    """`run` as another sees it: acquired, released, and the next."""
    token = other.call("ACQUIRE", name + "/job", "1h")
    assert begun.object()["event"] == "acquired"
    process = ctl.spawn("run", "--owner", "the next", name + "/job", "true")
    await_waiters(other, name + "/job", 1)
    other.call("RELEASE", name + "/job", token)
    assert finish(process)[0] == 0
    told = [begun.object() for _ in range(3)]
    assert [event["event"] for event in told] == ["released", "acquired", "released"]
    assert told[1]["owner"] == "the next"
    assert {event["event"] for event in told} <= KINDS
