"""`python3 -m unittest discover -s Benchmarks/driver` tests the pure parts of the driver."""

import unittest
from typing import Any

from goals import goals
from loads import Load
from main_table import Result
from many_leases import Idle, ManyLeases
from processes import Memory
from report import PeerPage, Report, markdown_table, number
from second_set import Extra
from summary import COLUMNS, P50, P99, RATE, Cell, Summary


def figures(rate: float, p50: float, cpu: float | None = 20.0) -> dict[str, Any]:
    return {
        "cyclesPerSecond": rate,
        "latency": {"p50": p50, "p99": 3 * p50, "p999": 5 * p50},
        "peerMicrosecondsPerCycle": cpu,
        "ownMicrosecondsPerCycle": 5.0,
        "ownBusy": 0.25,
    }


def result(peer: str, load: Load, rate: float, p50: float, number: int = 0, cpu: float | None = 20.0) -> Result:
    return Result(number, peer, load, figures(rate, p50, cpu))


def page(name: str, missing: str | None = None) -> PeerPage:
    return PeerPage(name, name.title(), "a promise", "notes", "1.0", f"{name} --run", missing)


def report(summary: Summary, **parts: Any) -> Report:
    return Report(
        date="2020-01-02",
        commit="abc",
        call="make bench",
        machine=[("Processor", "a")],
        peers=[page("leased"), page("redis-always"), page("etcd", missing="etcd is not installed")],
        names=100_000,
        rounds=3,
        seconds=4.0,
        warm_up=1.0,
        summary=summary,
        **parts,
    )


class LoadTests(unittest.TestCase):
    def test_what_is_written_is_read(self) -> None:
        for text in ("1", "50", "50x16"):
            self.assertEqual(str(Load.parse(text)), text)

    def test_nonsense_is_refused(self) -> None:
        for text in ("", "0", "x16", "5x0", "a"):
            with self.assertRaises(ValueError):
                Load.parse(text)


class SummaryTests(unittest.TestCase):
    def test_figures_are_medians_over_the_rounds(self) -> None:
        summary = Summary(result("leased", Load(1), rate, 10, number) for number, rate in enumerate((5, 100, 7)))
        self.assertEqual(summary.cell("leased", Load(1), RATE), Cell(median=7, least=5, most=100))
        self.assertIsNone(summary.cell("etcd", Load(1), RATE))

    def test_ratios_are_to_leased_and_ahead_is_beyond_the_tolerance(self) -> None:
        summary = Summary([result("leased", Load(1), 1000, 100), result("etcd", Load(1), 1015, 90)])
        self.assertAlmostEqual(summary.ratio("etcd", Load(1), P50) or 0, 0.9)
        self.assertFalse(summary.is_ahead("etcd", Load(1), RATE))
        self.assertTrue(summary.is_ahead("etcd", Load(1), P50))
        self.assertFalse(summary.is_ahead("etcd", Load(50), P99))

    def test_the_generators_own_time_is_nobodys_lead(self) -> None:
        slow = result("leased", Load(1), 1, 1)
        slow.figures["ownMicrosecondsPerCycle"] = 50.0
        summary = Summary([slow, result("etcd", Load(1), 1, 1)])
        self.assertFalse(any(summary.is_ahead("etcd", Load(1), column) for column in COLUMNS))


class GoalTests(unittest.TestCase):
    def test_each_goal_is_judged_by_its_figure(self) -> None:
        summary = Summary(
            [
                result("leased", Load(1), 2000, 70),
                result("leased", Load(50), 30_000, 1000),
                result("leased", Load(50, 16), 90_000, 1000),
                result("redis-always", Load(1), 1500, 100),
                result("redis-always", Load(50), 25_000, 1500),
                result("redis-always", Load(50, 16), 80_000, 1000),
                result("etcd", Load(50), 3000, 9000),
            ]
        )
        many = ManyLeases(
            leases=1000,
            rate_with_none=100,
            rate_with_all=70,
            p99_with_none=1,
            p99_with_all=1,
            seconds_to_acquire=1,
            memory_before=Memory(1_000_000, 0),
            memory_after=Memory(1_300_000, 0),
            memory_after_start=Memory(1_300_000, 0),
            store_bytes=1,
            start_after_kill=2.5,
            start_after_stop=0.5,
            seconds_to_stop=0.1,
        )
        idle = Idle(0.06, 0.04, 10.0, Memory(26_000_000, 1), {"1 a": 3})
        judged = [(goal.measured, goal.is_met) for goal in goals(summary, Cell(310, 300, 320), many, idle)]
        self.assertEqual(
            judged,
            [
                ("1.20 times", False),
                ("10.00 times", True),
                ("0.70", True),
                ("1.12 times", True),
                ("3.00 times", True),
                ("310 µs", False),
                ("0.70", False),
                ("300 bytes", True),
                ("2.50 s", False),
                ("40 ms", True),
                ("26.0 MB", False),
                ("3 in 10 s without a watchdog", False),
            ],
        )

    def test_what_was_not_measured_is_not_judged(self) -> None:
        self.assertEqual(list(goals(Summary([]), None, None, None)), [])


class ReportTests(unittest.TestCase):
    def test_peers_that_are_ahead_or_missing_are_named(self) -> None:
        text = report(
            Summary([result("leased", Load(16), 1000, 100), result("redis-always", Load(16), 1500, 100, cpu=10)]),
            extras=[
                Extra(0, "checks", "leased", "1", figures(100, 10)),
                Extra(0, "checks", "redis-always", "1", figures(200, 10)),
            ],
        ).text()
        self.assertIn("**Etcd is missing**, wholly or in part: etcd is not installed", text)
        self.assertIn(
            "- Cycles: **Redis-Always** (a promise), 16 clients: more cycles a second (1.50);"
            " less processor time a cycle (0.50).",
            text,
        )
        self.assertIn("- `CHECK`: **Redis, always**, 1 client: more commands a second (2.00).", text)
        row = "| Redis-Always | 1,500 (1.50) | 100 (1.00) | 300 (1.00) | 500 (1.00) | 10.0 (0.50) | 5.00 |"
        self.assertIn(row, text)

    def test_if_nobody_is_ahead_it_says_so(self) -> None:
        text = report(Summary([result("leased", Load(1), 1000, 100), result("redis-always", Load(1), 900, 120)])).text()
        self.assertIn("Nowhere in the tables below.", text)

    def test_missing_figures_are_dashes(self) -> None:
        text = report(Summary([result("leased", Load(1), 1000, 100, cpu=None)])).text()
        self.assertIn("| Leased | 1,000 | 100 | 300 | 500 | – | 5.00 |", text)

    def test_columns_of_figures_are_to_the_right(self) -> None:
        lines = markdown_table(["", "a", "b"], [["x", "1,000", "1 client"], ["y", "2.5 (0.10)", "–"]])
        self.assertEqual(lines[1], "| --- | ---: | --- |")

    def test_numbers_have_three_digits(self) -> None:
        for value, text in ((0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")):
            self.assertEqual(number(value), text)


if __name__ == "__main__":
    unittest.main()
