"""The store in the shell: binary-safe commands, and dumps that are loaded whole or not at all."""

import base64
import json
import os
import pty
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import MakeDaemon
from harness.clock import eventually
from harness.ctl import Ctl, stop_and_reap
from harness.daemon import Daemon
from harness.resp import OK, Connection
from harness.seeds import seed
from harness.store import Entry, EntryLease, export, kinds, listed, load, random_bytes, ranged, tracker

EX_USAGE, EX_DATAERR, EX_UNAVAILABLE = 64, 65, 69

#: Every byte, and line ends at the end, which a shell or a print would change.
EVERY_BYTE = bytes(range(256)) + b"\r\n\n\x00"


@pytest.fixture
def ctl(shared: Daemon) -> Ctl:
    return Ctl(shared)


def out(ctl: Ctl, *arguments: str, stdin: bytes = b"") -> bytes:
    """The stdout of a command that must succeed."""
    done = ctl.binary(*arguments, stdin=stdin)
    assert done.returncode == 0, f"{arguments}: status {done.returncode}: {done.stderr!r}"
    return done.stdout


# The verbs


def test_put_get_delete(ctl: Ctl, other: Connection, name: str) -> None:
    assert out(ctl, "put", name, "a value") == b""
    assert other.call("GET", name) == b"a value"
    assert out(ctl, "get", name) == b"a value"
    out(ctl, "delete", name)
    assert other.call("GET", name) is None
    out(ctl, "put", name, "")
    assert other.call("GET", name) == b""


def test_values_go_through_stdin_and_stdout_byte_by_byte(ctl: Ctl, other: Connection, name: str) -> None:
    for value in (EVERY_BYTE, b"", b"\n", b"no line end", bytes(1 << 20)):
        out(ctl, "put", name, "-", stdin=value)
        assert other.call("GET", name) == value
        assert out(ctl, "get", name) == value


def test_a_value_from_stdin_over_its_limit_is_refused(ctl: Ctl, other: Connection, name: str) -> None:
    refused = ctl.binary("put", name, "-", stdin=bytes((1 << 20) + 1))
    assert refused.returncode == EX_DATAERR
    assert b"1048577" in refused.stderr
    assert other.call("GET", name) is None
    assert ctl.binary("put", name, "-", stdin=bytes(20 << 20)).returncode == EX_DATAERR
    odd = ctl.binary("put", "--hex", name.encode().hex(), "-", stdin=b"0")
    assert (odd.returncode, odd.stdout) == (EX_DATAERR, b"")
    assert odd.stderr.startswith(b"leasectl: stdin ")
    assert b"Usage" not in odd.stderr
    assert other.call("GET", name) is None


def test_get_tells_absent_from_empty(ctl: Ctl, name: str) -> None:
    out(ctl, "put", name, "")
    assert out(ctl, "get", name) == b""
    absent = ctl.binary("get", name + "-absent")
    assert absent.returncode != 0
    assert absent.stdout == b""


def test_hex_reaches_every_key_value_and_child(ctl: Ctl, other: Connection, name: str) -> None:
    key, child = name.encode() + b"\x00\xff", b"\xfe\n"
    out(ctl, "put", "--hex", key.hex(), EVERY_BYTE.hex())
    assert other.call("GET", key) == EVERY_BYTE
    assert out(ctl, "get", "--hex", key.hex()).strip() == EVERY_BYTE.hex().encode()
    out(ctl, "prefix", "append", "--hex", key.hex(), child.hex())
    assert other.call("PREFIX", "LIST", key) == [child]
    assert out(ctl, "prefix", "list", "--hex", key.hex()).split() == [child.hex().encode()]
    assert key.hex().encode() in out(ctl, "keys", "list", "--hex", name.encode().hex())
    out(ctl, "prefix", "remove", "--hex", key.hex(), child.hex())
    out(ctl, "delete", "--hex", key.hex())
    assert tracker(other, key) is None
    for wrong in ("f", "0g", "zz"):
        assert ctl.binary("put", "--hex", key.hex(), wrong).returncode == EX_USAGE
    assert tracker(other, key) is None


def test_prefix(ctl: Ctl, other: Connection, name: str) -> None:
    for child in ("b", "a", "ü"):
        out(ctl, "prefix", "append", name, child)
    assert other.call("PREFIX", "LIST", name) == [b"a", b"b", "ü".encode()]
    assert out(ctl, "prefix", "list", name).decode().split() == ["a", "b", "ü"]
    again = ctl.binary("prefix", "append", name, "a")
    assert again.returncode not in {0, EX_USAGE}
    assert again.stderr
    there, absent = (ctl.binary("prefix", "contains", name, child) for child in ("a", "z"))
    assert (there.returncode, there.stdout) != (absent.returncode, absent.stdout)
    assert there.returncode == 0
    out(ctl, "prefix", "remove", name, "a")
    assert other.call("PREFIX", "LIST", name) == [b"b", "ü".encode()]


def test_keys(ctl: Ctl, other: Connection, name: str) -> None:
    for tail in "ab":
        other.call("PUT", f"{name}/{tail}", "")
    other.call("PREFIX", "APPEND", f"{name}/b", "c")
    lines = out(ctl, "keys", "list", f"{name}/").decode().splitlines()
    assert [line.split() for line in lines] == [
        ["KEY", "KINDS"], [f"{name}/a", "simple"], [f"{name}/b", "simple,prefix"],
    ]  # fmt: skip
    found = tracker(other, f"{name}/b")
    assert found is not None
    told = out(ctl, "keys", "tracker", f"{name}/b").decode()
    assert str(found[0]) in told
    assert "simple" in told
    assert "prefix" in told
    assert f"{name}/b" in out(ctl, "keys", "range", str((found[0] - 1) % 2**64), str(found[0])).decode()
    everything = set(out(ctl, "keys", "range", "0", "0").decode(errors="replace").split())
    assert {f"{name}/a", f"{name}/b"} <= everything
    out(ctl, "keys", "remove", f"{name}/a", f"{name}/b")
    assert listed(other, "PREFIX", name) == {}
    assert ctl.binary("keys", "tracker", name).stdout.strip() in {b"", b"null"}


def test_long_lists_are_paged_by_the_tool(make_daemon: MakeDaemon) -> None:
    """More than one reply of the daemon may hold (8 MiB), so the tool pages."""
    daemon = make_daemon().start()
    with daemon.connect(timeout=60) as client:
        children = [b"%08d" % i + b"c" * 1016 for i in range(8_200)]
        for start in range(0, len(children), 4_100):
            load(client, [Entry(b"parent", None, children[start : start + 4_100])])
    assert out(Ctl(daemon), "prefix", "list", "parent").split() == children


def test_the_json_of_the_store(ctl: Ctl, other: Connection, name: str) -> None:
    other.call("PUT", name, "v")
    found = tracker(other, name)
    assert found is not None
    (shown,) = [json.loads(line) for line in out(ctl, "keys", "tracker", "--json", name).splitlines()]
    assert int(shown["hash"]) == found[0]
    assert shown["kinds"] == ["simple"]
    for command in (["get"], ["keys", "list"], ["prefix", "list"]):
        for line in out(ctl, *command, "--json", name).splitlines():
            assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(
    "arguments",
    [
        ["put"], ["put", "k"], ["get"], ["delete"], ["prefix", "append"], ["prefix", "append", "k"], ["prefix", "list"],
        ["prefix", "contains", "k"], ["prefix", "remove", "k"], ["keys", "range"], ["keys", "range", "0"],
        ["keys", "range", "x", "0"], ["keys", "range", "0", "18446744073709551616"], ["keys", "tracker"],
        ["keys", "remove"], ["get", ""], ["put", "", "v"],
    ],
)  # fmt: skip
def test_wrong_usage_is_64(ctl: Ctl, arguments: list[str]) -> None:
    refused = ctl.binary(*arguments)
    assert refused.returncode == EX_USAGE, refused.stderr
    assert refused.stdout == b""
    assert refused.stderr


def test_no_daemon_is_69(tmp_path: Path) -> None:
    ctl = Ctl(Daemon(tmp_path))
    for arguments in (["put", "k", "v"], ["get", "k"], ["prefix", "list", "k"], ["keys", "list"], ["export"]):
        assert ctl.binary(*arguments).returncode == EX_UNAVAILABLE, arguments


# Dumps


def plant(daemon: Daemon, source: random.Random, count: int = 60) -> dict[bytes, Entry]:
    """Fills a store with every kind of awkward content."""
    entries = {
        b"a/empty": Entry(b"a/empty", b""),
        b"a/\x00": Entry(b"a/\x00", EVERY_BYTE, [b"\x00", b"\xff\xfe"]),
        b"\xff\xff": Entry(b"\xff\xff", b"\xff", []),
        b"a/children": Entry(b"a/children", None, [b"%03d" % i for i in range(300)]),
        b"a/big": Entry(b"a/big", source.randbytes(1 << 20)),
    }
    for _ in range(count):
        key = b"r/" + random_bytes(source, 1, 20)
        entries[key] = Entry(key, random_bytes(source, 0, 50), sorted({random_bytes(source, 1, 9) for _ in range(2)}))
    with daemon.connect(timeout=60) as client:
        load(client, entries.values())
    return entries


def contents(daemon: Daemon) -> dict[bytes, Entry]:
    with daemon.connect(timeout=60) as client:
        return {entry.key: entry for key in listed(client) for entry in export(client, key)}


def dump_of(daemon: Daemon, *arguments: str) -> bytes:
    return out(Ctl(daemon), "export", *arguments)


def strings(value: Any) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


def test_a_dump_is_lines_of_json_with_a_header_and_a_checksum(make_daemon: MakeDaemon) -> None:
    origin = make_daemon().start()
    entries = plant(origin, random.Random(1), 5)
    lines = dump_of(origin).splitlines()
    header, *body, last = [json.loads(line) for line in lines]
    assert "format" in header
    assert "version" in header
    assert last["entries"] == len(body)
    assert last["checksum"].startswith("xxh64:")
    texts = set(strings(body))
    for entry in entries.values():
        assert base64.b64encode(entry.key).decode() in texts, "keys are base64"
    assert base64.b64encode(EVERY_BYTE).decode() in texts, "values are base64"


def test_a_dump_without_leases_has_the_rest(ctl: Ctl, client: Connection, name: str) -> None:
    client.call("PUT", f"{name}/both", "value")
    for lease in ("both", "lease"):
        client.call("ACQUIRE", f"{name}/{lease}", "1h")
    _, *body, last = [json.loads(line) for line in out(ctl, "export", "--no-leases", name).splitlines()]
    assert [sorted(entry) for entry in body] == [["key", "value"]], "a key that has a lease alone is left out"
    assert last["entries"] == 1
    assert out(ctl, "export", "--leases", name).count(b'"lease"') == 2
    assert out(ctl, "export", name).count(b'"lease"') == 2


def test_a_dump_goes_from_one_daemon_to_another(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    origin, by_file, by_pipe = (make_daemon().start() for _ in range(3))
    entries = plant(origin, random.Random(seed()))
    dump = dump_of(origin)
    (tmp_path / "dump").write_bytes(dump)
    with (tmp_path / "dump").open("rb") as file:
        done = Ctl(by_file).binary("import", stdin=file)
    assert done.returncode == 0, done.stderr
    assert contents(by_file) == entries
    out(Ctl(by_pipe), "import", stdin=dump)
    assert contents(by_pipe) == entries
    out(Ctl(by_pipe), "import", stdin=dump)
    assert contents(by_pipe) == entries, "it can be run again"
    assert dump_of(by_pipe).splitlines()[1:-1] == dump.splitlines()[1:-1]


def test_an_empty_store_has_a_dump(make_daemon: MakeDaemon) -> None:
    origin, target = make_daemon().start(), make_daemon().start()
    dump = dump_of(origin)
    assert len(dump.splitlines()) == 2
    out(Ctl(target), "import", stdin=dump)
    assert contents(target) == {}


def test_export_of_a_prefix(make_daemon: MakeDaemon) -> None:
    origin, target = make_daemon().start(), make_daemon().start()
    entries = plant(origin, random.Random(1), 5)
    out(Ctl(target), "import", stdin=dump_of(origin, "a/"))
    assert contents(target) == {key: entry for key, entry in entries.items() if key.startswith(b"a/")}


def test_import_merges_into_what_is_there(make_daemon: MakeDaemon) -> None:
    origin, target = make_daemon().start(), make_daemon().start()
    with origin.connect() as client:
        load(client, [Entry(b"k", b"new", [b"b"]), Entry(b"l", None, [b"c"])])
    with target.connect() as client:
        load(client, [Entry(b"k", b"old", [b"a"]), Entry(b"l", b"stays"), Entry(b"m", b"stays")])
    out(Ctl(target), "import", stdin=dump_of(origin))
    assert contents(target) == {
        b"k": Entry(b"k", b"new", [b"a", b"b"]),
        b"l": Entry(b"l", b"stays", [b"c"]),
        b"m": Entry(b"m", b"stays"),
    }


def damaged(dump: bytes, source: random.Random) -> dict[str, bytes]:
    """Dumps that differ from what was exported."""
    lines = dump.splitlines(keepends=True)
    header, body, last = lines[0], lines[1:-1], lines[-1]
    found: dict[str, bytes] = {
        "nothing": b"",
        "not a dump": b"hello\n",
        "the header alone": header,
        "no header": b"".join(lines[1:]),
        "no end": b"".join(lines[:-1]),
        "cut in the middle of a line": dump[: len(dump) // 2],
        "cut in the last line": dump[: -len(last) // 2],
        "a line is missing": header + b"".join(body[1:]) + last,
        "a line is there twice": header + body[0] + b"".join(body) + last,
        "lines are swapped": header + body[1] + body[0] + b"".join(body[2:]) + last,
        "the last line but one is missing": header + b"".join(body[:-1]) + last,
        "something follows": dump + body[0],
        "two dumps": dump + dump,
    }
    first, ending = json.loads(header), json.loads(last)
    found["another format"] = json.dumps({**first, "format": "other"}).encode() + b"\n" + b"".join(lines[1:])
    found["a later version"] = json.dumps({**first, "version": 99}).encode() + b"\n" + b"".join(lines[1:])
    for field, value in ending.items():
        if isinstance(value, str) and len(value) >= 8:
            other = value[:-1] + ("0" if value[-1] != "0" else "1")
            found[f"another {field}"] = b"".join(lines[:-1]) + json.dumps({**ending, field: other}).encode() + b"\n"
    for i in range(12):
        # A letter of some base64 or hexadecimal text becomes another: still JSON, still decodable.
        while True:
            at = source.randrange(len(header), len(dump))
            letter = dump[at : at + 1]
            if letter.isalnum() and b'"' not in dump[at - 1 : at + 2] and letter not in b"aA":
                break
        found[f"a letter is another ({i})"] = dump[:at] + b"A" + dump[at + 1 :]
    return found


def test_a_truncated_or_altered_dump_is_refused_before_anything_changes(make_daemon: MakeDaemon) -> None:
    source = random.Random(seed())
    origin, target = make_daemon().start(), make_daemon().start()
    with origin.connect() as client:
        load(client, [Entry(b"%03d" % i, source.randbytes(200), [b"c%d" % i]) for i in range(30)])
    with target.connect() as client:
        load(client, [Entry(b"kept", b"v")])
    dump = dump_of(origin)
    for what, wrong in damaged(dump, source).items():
        refused = Ctl(target).binary("import", stdin=wrong)
        assert refused.returncode != 0, what
        assert refused.stderr, what
        assert contents(target) == {b"kept": Entry(b"kept", b"v")}, what
    out(Ctl(target), "import", stdin=dump)
    assert len(contents(target)) == 31


def test_leases_come_only_when_they_are_asked_for(make_daemon: MakeDaemon) -> None:
    origin, plain, whole = (make_daemon().start() for _ in range(3))
    with origin.connect() as client:
        load(client, [Entry(b"both", b"v"), Entry(b"value", b"w")])
        fence = client.call("ACQUIRE", b"both", "1h", "OWNER", "the owner")
        token = client.call("RENEW", b"both", fence, "2h")
        alone = client.call("ACQUIRE", b"alone", "1h")
    dump = dump_of(origin)
    out(Ctl(plain), "import", stdin=dump)
    assert contents(plain) == {b"both": Entry(b"both", b"v"), b"value": Entry(b"value", b"w")}
    for _ in range(2):
        out(Ctl(whole), "import", "--leases", stdin=dump)
        with whole.connect() as client:
            held = client.holder(b"both")
            assert held is not None
            assert (held["fence"], held["token"], held["owner"]) == (fence, token, b"the owner")
            assert client.call("CHECK", b"alone", alone) > 0
            assert kinds(client, b"both") == [b"simple", b"lease"]
            assert client.call("GET", b"value") == b"w"


def test_leases_whose_time_is_over_are_not_counted_as_imported(make_daemon: MakeDaemon) -> None:
    origin, target = make_daemon().start(), make_daemon().start()
    with origin.connect() as client:
        client.call("ACQUIRE", b"short", "1s")
        client.call("ACQUIRE", b"long", "1h")
        dump = dump_of(origin)
        eventually(lambda: client.call("HOLDER", b"short") is None, 10, "the end of the short lease")
    told = json.loads(out(Ctl(target), "import", "--leases", "--json", stdin=dump))
    assert told == {"entries": 2, "leases": 1, "leases_left_out": 1}
    assert out(Ctl(target), "import", "--leases", stdin=dump) == b"1 lease was left out; past its end\n"


def test_a_lease_that_is_held_by_another_refuses_its_chunk_and_says_so(make_daemon: MakeDaemon) -> None:
    origin, target = make_daemon().start(), make_daemon().start()
    with origin.connect() as client:
        load(client, [Entry(b"a", b"v")])
        client.call("ACQUIRE", b"held", "1h")
    with target.connect() as client:
        token = client.call("ACQUIRE", b"held", "1h", "OWNER", "the holder")
    dump = dump_of(origin)
    refused = Ctl(target).binary("import", "--leases", stdin=dump)
    assert refused.returncode not in {0, EX_USAGE}
    assert b"the holder" in refused.stderr
    with target.connect() as client:
        assert client.call("CHECK", b"held", token) > 0
        assert client.call("GET", b"a") is None, "the chunk is atomic"
    out(Ctl(target), "import", stdin=dump)
    with target.connect() as client:
        assert client.call("CHECK", b"held", token) > 0
        assert client.call("GET", b"a") == b"v"


# Many keys

MANY, VALUE = 20_000, 800


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A daemon with many keys, 20 MB with their base64."""
    daemon = Daemon(tmp_path_factory.mktemp("many")).start()
    with daemon.connect(timeout=60) as client:
        for start in range(0, MANY, 5_000):
            load(client, [Entry(b"%06d" % i, b"%06d" % i * (VALUE // 6)) for i in range(start, start + 5_000)])
    yield daemon
    daemon.discard()


#: Runs its arguments, writes their peak resident memory in KiB to a descriptor, and ends with their status. A process
#: begins with the figure of the one that started it, and a test's own is higher than everything measured here.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
os.write(int(sys.argv[1]), b"%d" % usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measured(ctl: Ctl, *arguments: str, stdin: Any = subprocess.DEVNULL, stdout: Any = subprocess.DEVNULL) -> int:
    """The peak resident memory, in bytes, of a run that must succeed."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-S", "-E", "-c", MEASURE, str(theirs), *ctl.command(*arguments)]
    done = subprocess.run(command, env=ctl.environ(), stdin=stdin, stdout=stdout, pass_fds=[theirs])
    os.close(theirs)
    with open(ours, "rb") as figure:
        kibibytes = int(figure.read())
    assert done.returncode == 0, arguments
    return kibibytes << 10


def test_memory_does_not_grow_with_the_dump(many: Daemon, make_daemon: MakeDaemon, tmp_path: Path) -> None:
    target = make_daemon().start()
    memory: dict[str, list[int]] = {"export": [], "import": []}
    for prefix in ("0000", ""):  # a hundred keys, and all
        path = tmp_path / f"dump{prefix}"
        with path.open("wb") as file:
            memory["export"].append(measured(Ctl(many), "export", *([prefix] if prefix else []), stdout=file))
        with path.open("rb") as file:
            memory["import"].append(measured(Ctl(target), "import", stdin=file))
    with target.connect(timeout=60) as client:
        assert len(client.call("KEYS", "LIST")) == MANY
        assert client.call("GET", b"%06d" % (MANY - 1)) == b"%06d" % (MANY - 1) * (VALUE // 6)
    print({verb: [f"{size >> 10} KiB" for size in sizes] for verb, sizes in memory.items()})
    for verb, (few, all_of_them) in memory.items():
        assert all_of_them - few < 16 << 20, f"{verb} took {all_of_them - few} bytes more for a dump of 20 MB more"


def test_an_import_that_was_killed_can_be_run_again(many: Daemon, make_daemon: MakeDaemon, tmp_path: Path) -> None:
    target = make_daemon().start()
    path = tmp_path / "dump"
    with path.open("wb") as file:
        measured(Ctl(many), "export", stdout=file)
    ctl = Ctl(target)
    with target.connect(timeout=60) as client:
        with path.open("rb") as file:
            process = subprocess.Popen(ctl.command("import"), env=ctl.environ(), stdin=file, text=True)
            eventually(lambda: listed(client, "COUNT", 1), 60, "the first chunk")
        stop_and_reap(process)
        there = len(listed(client))
        print(f"{there} of {MANY} keys were there")
        with path.open("rb") as file:
            measured(ctl, "import", stdin=file)
        assert len(listed(client)) == MANY


def test_progress_is_for_terminals_only(many: Daemon, make_daemon: MakeDaemon, tmp_path: Path) -> None:
    ctl, path = Ctl(many), tmp_path / "dump"
    with path.open("wb") as file:
        quiet = subprocess.run(ctl.command("export"), env=ctl.environ(), stdout=file, stderr=subprocess.PIPE)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    target = Ctl(make_daemon().start())
    assert b"exported" in on_a_terminal(ctl, ["export"], path, stdout_too=False)
    for stdout_too in (False, True):
        shown = on_a_terminal(target, ["import"], path, stdout_too=stdout_too)
        assert b"checked" in shown
        assert b"of %d entries" % MANY in shown
    dumped = on_a_terminal(ctl, ["export", "00000"], path, stdout_too=True)
    assert dumped.replace(b"\r\n", b"\n") == dump_of(many, "00000"), "the dump itself is on the terminal"


def on_a_terminal(tool: Ctl, arguments: list[str], stdin: Path, *, stdout_too: bool) -> bytes:
    """What a command that must succeed writes to a terminal that is its stderr, and its stdout if requested."""
    ours, theirs = pty.openpty()
    shown = bytearray()
    with stdin.open("rb") as file:
        stdout = theirs if stdout_too else subprocess.DEVNULL
        process = subprocess.Popen(
            tool.command(*arguments), env=tool.environ(), stdin=file, stdout=stdout, stderr=theirs
        )
    os.close(theirs)
    reader = threading.Thread(target=read_all, args=(ours, shown))
    reader.start()
    assert process.wait(60) == 0
    reader.join(60)
    assert not reader.is_alive()
    os.close(ours)
    return bytes(shown)


def read_all(descriptor: int, into: bytearray) -> None:
    try:
        while data := os.read(descriptor, 4096):
            into += data
    except OSError:
        pass  # the terminal's other side is closed


@pytest.mark.parametrize("count", [40_000, 110_000])
def test_a_key_with_more_children_than_a_frame_or_a_list_holds(make_daemon: MakeDaemon, count: int) -> None:
    """40,000 children are more than one IMPORT takes (65,536 arguments), 110,000 more than one EXPORT returns."""
    origin, target = make_daemon().start(), make_daemon().start()
    children = [b"%06d" % i for i in range(count)]
    with origin.connect(timeout=60) as client:
        for start in range(0, count, 20_000):
            load(client, [Entry(b"parent", b"value", children[start : start + 20_000])])
        load(client, [Entry(b"a", b"before"), Entry(b"z", b"behind")])
        fence = client.call("ACQUIRE", b"parent", "1h")
    dump = dump_of(origin)
    for _ in range(2):
        out(Ctl(target), "import", "--leases", stdin=dump)
        with target.connect(timeout=60) as client:
            half = len(children) // 2
            first = client.call("PREFIX", "LIST", b"parent", "COUNT", half)
            assert first + client.call("PREFIX", "LIST", b"parent", "AFTER", first[-1]) == children
            assert [client.call("GET", key) for key in (b"a", b"parent", b"z")] == [b"before", b"value", b"behind"]
            assert client.call("CHECK", b"parent", fence) > 0


def test_a_live_lease_of_a_dump_keeps_its_end(make_daemon: MakeDaemon) -> None:
    """The end is given on the wall clock, so moving a lease does not make it last longer."""
    origin, target = make_daemon().start(), make_daemon().start()
    expires = time.time_ns() // 1_000_000 + 600_000
    with origin.connect() as client:
        token = client.call("TOKEN")
        assert client.call("IMPORT", *Entry(b"k", lease=EntryLease(token, expires, ttl_ms=3_600_000)).words()) == OK
    out(Ctl(target), "import", "--leases", stdin=dump_of(origin))
    with target.connect() as client:
        held = client.holder(b"k")
        assert held is not None
        assert held["ttl_ms"] == 3_600_000
        assert held["remaining_ms"] <= 600_000
        assert held["remaining_ms"] > 500_000
        assert ranged(client, 0, 0) == [b"k"]
