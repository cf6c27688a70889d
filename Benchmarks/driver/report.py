"""Writes docs/BENCHMARKS.md."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from goals import Goal, goals
from loads import Load
from many_leases import Idle, ManyLeases
from second_set import WORKLOADS, Extra
from summary import COLUMNS, TOLERANCE, Cell, Column, Summary, is_better

#: A number, possibly with its ratio.
FIGURE = re.compile(r"[\d.,]+( \([\d.]+\))?")


@dataclass(frozen=True)
class PeerPage:
    """What the report says about a peer, measured or not."""

    name: str
    title: str
    promise: str
    notes: str
    version: str
    command: str
    #: Why it is missing from the tables, or from parts of them.
    missing: str | None


@dataclass(frozen=True)
class Report:
    date: str
    commit: str
    #: The command that ran the benchmark.
    call: str
    machine: Sequence[tuple[str, str]]
    peers: Sequence[PeerPage]
    names: int
    rounds: int
    seconds: float
    warm_up: float
    summary: Summary
    extras: Sequence[Extra] = field(default=())
    many: ManyLeases | None = None
    idle: Idle | None = None
    #: Failures that do not belong to a peer, as sentences.
    failures: Sequence[str] = field(default=())

    def text(self) -> str:
        """The page as Markdown."""
        return "\n".join(self._lines()) + "\n"

    def table(self, load: Load) -> list[str]:
        """The table of one load: each figure with its ratio to leased's."""
        rows = []
        for page in self.peers:
            if page.name not in self.summary.peers(load):
                continue
            cells = [self._cell(page.name, load, column) for column in COLUMNS]
            rows.append([page.title, *cells])
        return markdown_table(["", *(column.title for column in COLUMNS)], rows)

    def _cell(self, peer: str, load: Load, column: Column) -> str:
        cell = self.summary.cell(peer, load, column)
        if cell is None:
            return "–"
        text = number(cell.median)
        ratio = self.summary.ratio(peer, load, column)
        return text if peer == "leased" or ratio is None or not column.is_peers else f"{text} ({ratio:.2f})"

    def _lines(self) -> Iterator[str]:
        yield from (
            "# Benchmarks",
            "",
            f"Measured on {self.date}, commit {self.commit}, by `{self.call}`, which writes this page. Figures are of"
            " one run on one machine: compare within the page, not with another one.",
            "",
            "A **cycle** is a durable acquire and release of a random name out of"
            f" {self.names:,}, one command after the other. In parentheses is each figure as a ratio to leased's. Times"
            " are seen by the client, from the send of the acquire to the answer of the release; CPU is that of all the"
            " peer's processes, in microseconds a cycle, and beside it that of the generator.",
            "",
        )
        yield from self._missing()
        yield from self._goals()
        yield from self._ahead()
        yield from self._cycles()
        yield from self._second_set()
        yield from self._many()
        yield from self._idle()
        yield from self._set_up()

    def _missing(self) -> Iterator[str]:
        for page in self.peers:
            if page.missing:
                yield from (f"**{page.title} is missing**, wholly or in part: {page.missing}", "")
        for failure in self.failures:
            yield from (f"**{failure}**", "")

    def _goals(self) -> Iterator[str]:
        reached = list(goals(self.summary, self._hand_over(), self.many, self.idle))
        if reached:
            yield from ("## Goals", "", *_goals_table(reached), "")

    def _ahead(self) -> Iterator[str]:
        yield from ("## Where a peer is ahead of leased", "")
        lines = [
            f"- Cycles: **{page.title}** ({page.promise}), {load.title}: {'; '.join(ahead)}."
            for page in self.peers
            if page.name != "leased"
            for load in self.summary.loads
            if (ahead := list(self._figures_ahead(page.name, load)))
        ]
        lines += self._commands_ahead()
        yield from lines or ["Nowhere in the tables below."]
        yield from ("", f"Differences of up to {TOLERANCE:.0%} are taken for none.", "")

    def _figures_ahead(self, peer: str, load: Load) -> Iterator[str]:
        for column in COLUMNS:
            if self.summary.is_ahead(peer, load, column):
                yield f"{column.better} ({self.summary.ratio(peer, load, column):.2f})"

    def _commands_ahead(self) -> Iterator[str]:
        for workload in WORKLOADS:
            for load in self._loads_of(workload.name):
                mine, theirs = (self._rate_and_p50(workload.name, load, peer) for peer in ("leased", "redis-always"))
                if not mine or not theirs:
                    continue
                rate, p50 = theirs[0] / mine[0], theirs[1] / mine[1]
                ahead = [f"more commands a second ({rate:.2f})"] if is_better(rate, more_is_better=True) else []
                ahead += [f"a lower p50 ({p50:.2f})"] if is_better(p50, more_is_better=False) else []
                if ahead:
                    yield f"- {workload.title}: **Redis, always**, {Load.parse(load).title}: {'; '.join(ahead)}."

    def _cycles(self) -> Iterator[str]:
        if not self.summary.loads:
            return
        yield from ("## Cycles", "")
        for load in self.summary.loads:
            yield from (f"### {load.title}", "", *self.table(load), "")
        yield from self._spread()

    def _spread(self) -> Iterator[str]:
        if self.rounds < 2:
            return
        rate = COLUMNS[0]
        rows = []
        for page in self.peers:
            cells = [self.summary.cell(page.name, load, rate) for load in self.summary.loads]
            if any(cells):
                spread = [f"{number(cell.least)} to {number(cell.most)}" if cell else "–" for cell in cells]
                rows.append([page.title, *spread])
        yield from (f"### Cycles a second: least and most of the {self.rounds} rounds", "")
        yield from markdown_table(["", *(load.title for load in self.summary.loads)], rows)
        yield ""

    def _second_set(self) -> Iterator[str]:
        if not self.extras:
            return
        yield from (
            "## One command at a time",
            "",
            "Redis (`always`) stands beside leased where it has the like; in parentheses its ratio to leased's.",
            "",
        )
        rows = []
        for workload in WORKLOADS:
            for load in self._loads_of(workload.name):
                mine, theirs = (self._rate_and_p50(workload.name, load, peer) for peer in ("leased", "redis-always"))
                if mine:
                    title = Load.parse(load).title
                    rows.append([workload.title, title, *_beside(mine, theirs), workload.redis])
        header = ["leased", "with", "commands/s", "p50 µs", "Redis: commands/s", "p50 µs", "by"]
        yield from (*markdown_table(header, rows), "")
        yield from (
            "### Hand-over",
            "",
            "From the send of a release to the arrival of the grant at the next in line, with the commit of both in"
            " between. None of the peers has a queue to measure beside it.",
            "",
        )
        waiting = []
        for load in self._loads_of("hand-over"):
            latency = [self._extra("hand-over", load, "leased", "latency", key) for key in ("p50", "p99", "p999")]
            rate = self._extra("hand-over", load, "leased", "handOversPerSecond")
            waiting.append([load, *(number(cell.median) if cell else "–" for cell in (rate, *latency))])
        yield from (*markdown_table(["in line", "hand-overs/s", "p50 µs", "p99 µs", "p99.9 µs"], waiting), "")

    def _loads_of(self, workload: str) -> list[str]:
        return list(dict.fromkeys(extra.load for extra in self.extras if extra.workload == workload))

    def _rate_and_p50(self, workload: str, load: str, peer: str) -> tuple[float, float] | None:
        rate = self._extra(workload, load, peer, "cyclesPerSecond")
        p50 = self._extra(workload, load, peer, "latency", "p50")
        return (rate.median, p50.median) if rate and p50 else None

    def _extra(self, workload: str, load: str, peer: str, *keys: str) -> Cell | None:
        values = []
        for extra in self.extras:
            if (extra.workload, extra.load, extra.peer) == (workload, load, peer):
                value = extra.figures
                for key in keys:
                    value = value[key]
                values.append(float(value))  # type: ignore[arg-type]
        return Cell.of(values)

    def _hand_over(self) -> Cell | None:
        return self._extra("hand-over", "1", "leased", "latency", "p50")

    def _many(self) -> Iterator[str]:
        if self.many is None:
            return
        many = self.many
        rows = [
            ["cycles a second at 50 clients with none held", number(many.rate_with_none)],
            [f"the same with {many.leases:,} held", f"{number(many.rate_with_all)} ({many.ratio:.2f})"],
            ["p99 with none, with all", f"{number(many.p99_with_none)} µs, {number(many.p99_with_all)} µs"],
            ["time to acquire them", f"{many.seconds_to_acquire:.1f} s"],
            ["resident memory a lease", f"{many.bytes_per_lease:.0f} bytes"],
            ["the same after a start", f"{many.bytes_per_lease_after_start:.0f} bytes"],
            ["store and log on disk", f"{many.store_bytes / 1e6:.0f} MB"],
            ["start to READY after SIGKILL", f"{many.start_after_kill:.2f} s"],
            ["start to READY after a stop", f"{many.start_after_stop:.2f} s"],
            ["the stop itself", f"{many.seconds_to_stop:.2f} s"],
        ]
        yield from (f"## {many.leases:,} held leases", "", *markdown_table(["", "leased"], rows), "")

    def _idle(self) -> Iterator[str]:
        if self.idle is None:
            return
        idle = self.idle
        threads = ", ".join(f"{count} of {name}" for name, count in idle.wake_ups.items()) or "none"
        rows = [
            ["start to READY with a new store", f"{idle.start_new * 1000:.0f} ms"],
            ["start to READY with an empty store", f"{idle.start_empty * 1000:.0f} ms"],
            ["resident memory", f"{idle.memory.resident / 1e6:.1f} MB"],
            ["of that not a file's", f"{idle.memory.anonymous / 1e6:.1f} MB"],
            [f"wake-ups in {idle.seconds:.0f} s, without a watchdog", threads],
        ]
        yield from ("## Idle", "", *markdown_table(["", "leased"], rows), "")

    def _set_up(self) -> Iterator[str]:
        yield from ("## How it was measured", "", *markdown_table(["", ""], [list(row) for row in self.machine]), "")
        for page in self.peers:
            yield f"- **{page.title}**: {page.version}. An answer is worth: {page.promise}. {page.notes}"
            if page.command:
                yield f"  `{page.command}`"
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        yield from (
            "",
            f"- {rounds}, {self.seconds:g} s a measurement after {self.warm_up:g} s of warming up; figures are medians"
            " of the rounds. In a round, for every load, one peer after the other is started, driven, and stopped, each"
            " time in another order. The data of all is on the same disk, and is kept over the rounds.",
            "- All are driven over Unix sockets by the same generator (`Benchmarks/`): one thread, HdrHistogram. With a"
            " pipeline each client keeps that number of commands under way. It knows which names are in use and takes"
            " another one, so that no cycle is refused; a refusal would end the run. It was busy at most"
            f" {self.summary.busiest_generator():.0%} of the time.",
            "- `$DIR` stands for the folder of the data, `$SOCKETS` for that of the sockets. All figures of all rounds"
            " are in the file of the same name that ends with `.json`.",
        )


def number(value: float) -> str:
    """Three significant digits, or all digits before the decimal point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows under a header; columns of figures are aligned right."""
    rows = list(rows)

    def rule(column: int) -> str:
        texts = [row[column] for row in rows if row[column] != "–"]
        return "---:" if texts and all(FIGURE.fullmatch(text) for text in texts) else "---"

    lines = [list(header), [rule(column) for column in range(len(header))], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _beside(mine: tuple[float, float], theirs: tuple[float, float] | None) -> list[str]:
    ours = [number(value) for value in mine]
    if theirs is None:
        return [*ours, "–", "–"]
    return [*ours, *(f"{number(b)} ({b / a:.2f})" if a else number(b) for a, b in zip(mine, theirs, strict=True))]


def _goals_table(reached: Iterable[Goal]) -> list[str]:
    rows = [[goal.text, goal.measured, "yes" if goal.is_met else "**no**"] for goal in reached]
    return markdown_table(["goal", "measured", "met"], rows)
