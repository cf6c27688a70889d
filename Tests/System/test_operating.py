"""docs/OPERATING.md is true: each log line has its row, and everything that the page names exists."""

import contextlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness import binaries
from harness.daemon import Daemon

SOURCES = binaries.REPOSITORY / "Sources"
PAGE = (binaries.REPOSITORY / "docs" / "OPERATING.md").read_text()
#: The modules of the daemon; the command line and the client write no log.
DAEMON = ["leased", "LeaseServer", "LeaseStore", "LeaseCore", "LeaseWire", "SystemdNotify"]
LEVELS = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
#: A value in a message.
VALUE = "…"


# The sources


def literal(text: str, at: int) -> tuple[str, int]:
    """The Swift string that begins at a quote, with `…` for each interpolation, and its end."""
    shape, at = "", at + 1
    while text[at] != '"':
        if text[at : at + 2] == "\\(":
            depth, at = 1, at + 2
            while depth:
                if text[at] == '"':
                    at = literal(text, at)[1]
                    continue
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
            shape += VALUE
        elif text[at] == "\\":
            shape += text[at + 1]
            at += 2
        else:
            shape += text[at]
            at += 1
    return shape, at + 1


def first_argument(text: str, at: int) -> str | None:
    """The first string among a call's direct arguments, from after its parenthesis on; `None` if there is none."""
    depth = 1
    while depth:
        if text[at] == '"':
            return literal(text, at)[0]
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return None


@cache
def sources() -> dict[Path, str]:
    """The daemon's sources, without comment lines."""
    files = [path for module in DAEMON for path in sorted((SOURCES / module).rglob("*.swift"))]
    assert files
    return {
        path: re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
        for path in files
        if "docc" not in path.parts[-3]
    }


def calls(pattern: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each call that the pattern finds, up to its parenthesis, with the shape of its first string."""
    for text in sources().values():
        for found in re.finditer(pattern, text):
            shape = first_argument(text, found.end())
            if shape is not None:
                yield found, shape


def logged() -> set[tuple[str, str]]:
    """Messages and levels of all log lines; a message that consists of a value only is replaced by its possible values.
    """
    lines = {(shape, found[1]) for found, shape in calls(rf"\b(?:logger|notes)\s*\.({'|'.join(LEVELS)})\(")}
    assert (VALUE, "critical") in lines, "the daemon's last line is the error's sentence"
    assert (VALUE, "warning") in lines, "the watchdog's reports are logged as they are"
    reports = (SOURCES / "SystemdNotify/Watchdog/WatchdogFeeder.swift").read_text()
    starving = re.search(r"case \.starving\(.*\): (?=\")", reports)
    assert starving is not None
    undelivered = next(shape for found, shape in calls(r"SystemdError\(\s*\.notDelivered,"))
    lines -= {(VALUE, "critical"), (VALUE, "warning")}
    return lines | {(literal(reports, starving.end())[0], "warning"), (undelivered, "warning")}


#: Messages that only a program that embeds the store, or `leasectl backup`, receives.
NOT_THE_DAEMONS = {
    "… is there already; name another file, or have it replaced",
    "… is no regular file; name another one for the backup",
    "… is the store itself; name another file for the backup",
    "… is the store's own; name another file for the backup",
    "… is a store in use; name another file for the backup",
    "… is there already; move it away, or name another file for the backup",
    "the store has been closed; open it again",
    "the store … has been closed; open it again",
    "the ledger answered something else than it was asked",
}


def sentences() -> set[str]:
    """The daemon's possible last lines about the store, the socket and the service manager."""
    code = r"\(\s*(?:\.(?!notDelivered|badName)|\[)"
    found = {shape for _, shape in calls(rf"\b(?:StoreError|ListenError|SystemdError){code}")}
    several = (SOURCES / "leased/LeasedCommand.swift").read_text()
    description = several.index('"', several.index("struct TooManySockets"))
    return (found | {literal(several, description)[0]}) - NOT_THE_DAEMONS


# The page


def table(header: str) -> list[list[str]]:
    """The rows of all tables whose first column has this header, as cells."""
    rows: list[list[str]] = []
    inside = False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0].strip("| ") == header:
            inside = True
        elif inside and not cells[0].startswith("---"):
            rows.append(cells)
    assert rows, f"the page has a table '{header}'"
    return rows


def code(text: str) -> list[str]:
    """The texts between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def first_column(header: str) -> list[str]:
    return [name for row in table(header) for name in code(row[0])]


def commands() -> list[str]:
    """The commands that the page tells the reader to type."""
    return [line.strip() for line in PAGE.splitlines() if re.match(r" {4,}\S", line)]


def shown(program: str, *words: str) -> str:
    return subprocess.run([binaries.path(program), *words], check=True, capture_output=True, text=True).stdout


# Log lines and ends


def test_each_log_line_has_its_row_and_each_row_its_line() -> None:
    rows = [(code(row[0])[0], row[1]) for row in table("message")]
    assert len(set(rows)) == len(rows), "no line has two rows"
    assert set(rows) == logged()


def test_each_sentence_that_ends_the_daemon_has_its_row() -> None:
    assert sentences() - set(first_column("sentence")) == set()


def test_each_sentence_on_the_page_is_one_of_the_daemons() -> None:
    """Sentences of the configuration are compared by their form."""
    configuration = {shape for _, shape in calls(r"\bConfigurationError\(\s*\.")} | {
        "… = '…' (from …): expected …",
        "… (from …): expected …",
    }
    assert set(first_column("sentence")) - sentences() - configuration == set()


def test_the_exit_codes_are_those_of_the_program() -> None:
    named = {int(row[0]) for row in table("code")}
    text = (SOURCES / "LeaseServer/Configuration/SystemExit.swift").read_text()
    assert named == {0} | {int(number) for number in re.findall(r"case \w+ = (\d+)", text)}
    told = shown("leased", "--help").partition("Exit status:")[2].partition("OPTIONS")[0]
    assert named == {int(number) for number in re.findall(r"\b\d+(?= \w)", told)}
    assert {int(number) for row in table("sentence") for number in re.findall(r"\d+", row[1])} <= named
    unit = (binaries.REPOSITORY / "systemd/system/leased.service").read_text()
    prevented = re.search(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert prevented is not None
    assert {row[0] for row in table("code") if row[2] == "no" and row[0] != "0"} == set(prevented[1].split())


def test_the_outcomes_are_those_of_the_report() -> None:
    text = (SOURCES / "leasectl/Output/RunReport.swift").read_text()
    function = text[text.index("static func outcome(of") :].partition("\n    }\n")[0]
    assert set(first_column("outcome")) == set(re.findall(r': "(\w+)"', function))


# Figures and settings


def status_lines(daemon: Daemon) -> set[str]:
    assert daemon.notify is not None
    told = daemon.notify.wait_for(lambda m: "STATUS" in m.fields, 20)
    assert told is not None
    return {m.fields["STATUS"] for m in daemon.notify.messages if "STATUS" in m.fields}


def test_the_status_is_the_one_on_the_page(daemon: Daemon) -> None:
    forms = [re.sub(r"\b[NM]\b", r"\\d+", re.sub(r"(?<=[a-z])s\b", "s?", form)) for form in first_column("STATUS")]
    pattern = re.compile("|".join(forms))
    with daemon.connect() as client:
        client.call("ACQUIRE", "one", "1h")
        lines = status_lines(daemon)
    assert [line for line in lines if not pattern.fullmatch(line)] == []


def test_the_fields_of_info_exist(daemon: Daemon) -> None:
    named = set(first_column("field of INFO"))
    named |= {name for name in code(PAGE) if re.fullmatch(r"(store|errorstat|refused|rejected)_\w+", name)}
    named |= {name for row in table("field of INFO") for name in code(row[2]) if "_" in name or name == "maxclients"}
    named |= {name for line in commands() for name in re.findall(r'\$1 == "(\w+)"', line)}
    with daemon.connect() as client:
        client.call("ACQUIRE", "held", "1h")
        client.error("ACQUIRE", "held", "1h")
        fields = set(re.findall(r"^(\w+):", client.call("INFO").decode(), re.MULTILINE))
    assert "errorstat_CONFLICT" in fields
    words = {name for name in named if name.startswith("errorstat_")}
    assert named - words <= fields
    errors = (SOURCES / "LeaseWire/Values/ErrorWord.swift").read_text()
    for word in words - {"errorstat_WORD"}:
        assert f'"{word.removeprefix("errorstat_")}"' in errors


def settings() -> set[str]:
    """The settings in the shipped configuration, with a point for each level."""
    found: set[str] = set()
    section = ""
    for line in (binaries.REPOSITORY / "systemd/leased.yaml").read_text().splitlines():
        match = re.match(r"( *)([a-z-]+):", line)
        if match is None:
            continue
        section = match[2] if not match[1] else section
        found.add(f"{section}.{match[2]}" if match[1] else match[2])
    return found


def test_the_settings_exist() -> None:
    known = settings()
    named = set(first_column("setting"))
    named |= {name for name in code(PAGE) if re.fullmatch(r"(limits|history|administrators)\.[a-z-]+", name)}
    assert named <= known
    variables = {"LEASED_" + re.sub("[.-]", "_", name).upper() for name in known}
    assert set(re.findall(r"LEASED_\w+", PAGE)) <= variables


def test_when_a_setting_is_read_is_as_the_configuration_says() -> None:
    kinds: dict[str, str] = {}
    kind = ""
    for line in (binaries.REPOSITORY / "systemd/leased.yaml").read_text().splitlines():
        if told := re.match(r"# \[(start|reload)\]", line):
            kind = told[1]
        elif found := re.match(r"([a-z-]+):", line):
            kinds[found[1]] = kind
    for row in table("setting"):
        assert {kinds[name.split(".")[0]] for name in code(row[0])} == {row[1]}, row[0]


# Commands to type


@cache
def flags() -> dict[str, set[str]]:
    """Each command of `leasectl`, and `leased`, with its flags."""

    def walk(node: dict[str, Any], path: str) -> Iterator[tuple[str, set[str]]]:
        yield path, {f"--{name['name']}" for each in node.get("arguments", []) for name in each.get("names") or []}
        for child in node.get("subcommands", []):
            yield from walk(child, f"{path} {child['commandName']}")

    trees = {name: json.loads(shown(name, "--experimental-dump-help"))["command"] for name in ["leased", "leasectl"]}
    return {path: known for name, tree in trees.items() for path, known in walk(tree, name)}


#: Commands that begin with one of the two programs, up to a pipe or the like.
TYPED = sorted(
    {found[0].strip() for text in commands() + code(PAGE) if (found := re.match(r"(leasectl|leased) [^|&<>]+", text))}
)


@pytest.mark.parametrize("line", TYPED)
def test_commands_and_their_flags_exist(line: str) -> None:
    program, *words = line.split()
    path = program
    for word in words:
        if f"{path} {word}" not in flags():
            break
        path = f"{path} {word}"
    known = set().union(*flags().values()) if path == program == "leasectl" else flags()[path]
    assert {word for word in words if word.startswith("--")} <= known
    assert path != "leasectl" or words[0].startswith("-"), "there is no such command"


def test_the_statement_that_guards_a_write_turns_lower_fences_away() -> None:
    block = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    create, insert, _ = block[1].split(";")
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute(create)
        seen = [
            database.execute(insert, {"lease": lease, "fence": fence}).fetchall()
            for lease, fence in [("a", 5), ("a", 5), ("a", 7), ("a", 6), ("b", 1), ("a", 7)]
        ]
    assert seen == [[(5,)], [(5,)], [(7,)], [], [(1,)], [(7,)]]


def test_the_links_lead_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
