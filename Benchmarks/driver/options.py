"""The command line."""

import argparse
import os
from pathlib import Path

from loads import Load
from peers import MAKERS

PARTS = ("cycles", "second", "many", "idle")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/driver",
        description="Measures leased beside its peers, prints the tables, and writes a page and all figures as JSON.",
    )
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--leased", type=Path, required=True, help="the daemon that is measured")
    parser.add_argument("--load", type=Path, required=True, help="the load generator, leased-load")
    parser.add_argument(
        "--dir",
        type=Path,
        default=os.environ.get("BENCH_DIR") or root / ".build" / "bench-data",
        help="where the data is made, on the disk that is measured (default: $BENCH_DIR, else .build/bench-data)",
    )
    parser.add_argument(
        "--output", type=Path, help="the page (default: docs/BENCHMARKS.md; with --quick .build/BENCHMARKS.md)"
    )
    parser.add_argument("--peers", default=",".join(MAKERS), help="which, of %(default)s; leased always is one")
    parser.add_argument("--loads", default="1,16,50,256,50x16", help="clients, or clients x pipeline (%(default)s)")
    parser.add_argument("--parts", default=",".join(PARTS), help="what is measured, of %(default)s")
    parser.add_argument("--rounds", type=int, help="how often the whole is gone through (5)")
    parser.add_argument("--seconds", type=float, help="how long each measurement is (4)")
    parser.add_argument("--warm-up", type=float, help="how long each is driven before that (1)")
    parser.add_argument("--leases", type=int, help="how many are held at once in the part `many` (1,000,000)")
    parser.add_argument("--names", type=int, default=100_000, help="how many names are chosen from (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="does it work? One short round; the figures mean little")
    parser.add_argument("--keep", action="store_true", help="leave the data of the peers behind, with their logs")

    options = parser.parse_args(arguments)
    quick = options.quick
    _default(options, "rounds", 1 if quick else 5)
    _default(options, "seconds", 0.5 if quick else 4.0)
    _default(options, "warm_up", 0.2 if quick else 1.0)
    _default(options, "leases", 20_000 if quick else 1_000_000)
    _default(options, "output", root / (".build" if quick else "docs") / "BENCHMARKS.md")
    options.root = root
    try:
        options.loads = [Load.parse(text) for text in options.loads.split(",")]
    except ValueError as error:
        parser.error(f"--loads: {error}")
    options.peers = _choice(parser, "--peers", options.peers, tuple(MAKERS))
    options.parts = _choice(parser, "--parts", options.parts, PARTS)
    if "leased" not in options.peers:
        options.peers.insert(0, "leased")
    if not 0 < options.leases <= 9_000_000:
        parser.error("--leases is at most 9,000,000: that is what the daemon's limits are raised to")
    for program in (options.leased, options.load):
        if not program.exists():
            parser.error(f"{program} is not there; `make bench` builds it")
    options.leased, options.load = options.leased.resolve(), options.load.resolve()
    return options


def _default(options: argparse.Namespace, name: str, value: object) -> None:
    if getattr(options, name) is None:
        setattr(options, name, value)


def _choice(parser: argparse.ArgumentParser, option: str, text: str, known: tuple[str, ...]) -> list[str]:
    chosen = [word for word in text.split(",") if word]
    if unknown := sorted(set(chosen) - set(known)):
        parser.error(f"{option}: {', '.join(unknown)} is not one of {', '.join(known)}")
    return [name for name in known if name in chosen]
