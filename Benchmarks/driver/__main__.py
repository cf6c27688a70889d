"""`python3 Benchmarks/driver`: run by `make bench` once the programs are built."""

import datetime
import json
import shlex
import shutil
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import machine
import options as command_line
from disk import FileSystem, SyncTimes
from generator import Generator, MeasurementFailedError
from main_table import MainTable
from many_leases import Idle, ManyLeases, hold_many, stay_idle
from peers import MAKERS, Peer, Place
from processes import ServerFailedError
from report import PeerPage, Report
from second_set import SecondSet, peers_of_second_set
from summary import Summary

T = TypeVar("T")


def main() -> None:
    options = command_line.parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Servers are stopped on the way out.
        signal.signal(number, lambda *_: sys.exit("stopped"))
    options.dir.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="run-", dir=options.dir)).resolve()
    sockets = Path(tempfile.mkdtemp(prefix="leased-bench-"))
    for folder in (data, sockets):
        # PostgreSQL runs as another user if we are root.
        folder.chmod(0o755)
    try:
        _measure(options, data, sockets)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        if options.keep:
            tell(f"the data is kept in {data}")
        else:
            shutil.rmtree(data, ignore_errors=True)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(options: Namespace, data: Path, sockets: Path) -> None:
    generator = Generator(options.load, seconds=options.seconds, warm_up=options.warm_up)
    place = Place(data, sockets, options.leased, generator, options.names)
    peers = [MAKERS[name](place) for name in options.peers]
    missing = {peer.name: reason for peer in peers if (reason := peer.missing())}
    for name, reason in missing.items():
        tell(f"{name} is missing: {reason}")
    present = [peer for peer in peers if peer.name not in missing]
    filesystem = FileSystem.of(data)
    if filesystem.is_memory:
        tell(f"{data} is in memory ({filesystem.kind}): nothing is durable there, and no figure means anything")
    syncs = SyncTimes.measure(data, min(options.seconds, 3.0))

    table = MainTable(present if "cycles" in options.parts else [], options.loads, tell)
    table.prepare()
    table.run(options.rounds)
    missing |= table.failures

    failures: list[str] = []

    def part(name: str, measure: Callable[[], T]) -> T | None:
        """Measures a part if it is wanted. If it fails, the others still count, and the report says so."""
        if name not in options.parts:
            return None
        try:
            return measure()
        except (ServerFailedError, MeasurementFailedError) as error:
            tell(f"the part {name} failed: {error}")
            failures.append(f"The part `{name}` could not be measured to its end: {error}")
            return None

    second = SecondSet(peers_of_second_set(present), generator, tell)
    part("second", lambda: second.run(options.rounds))
    many = part("many", lambda: hold_many(place, options.leases, options.rounds, tell))
    idle = part("idle", lambda: stay_idle(place, 3.0 if options.quick else 10.0))

    report = Report(
        date=datetime.date.today().isoformat(),
        commit=machine.commit(options.root),
        call=_call(options),
        machine=[*machine.description(), *_disk(filesystem, syncs)],
        peers=[_page(peer, missing.get(peer.name), place) for peer in peers],
        names=options.names,
        rounds=options.rounds,
        seconds=options.seconds,
        warm_up=options.warm_up,
        summary=Summary(table.results),
        extras=second.results,
        many=many,
        idle=idle,
        failures=failures,
    )
    text = report.text()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text)
    raw = options.output.with_suffix(".json")
    raw.write_text(_as_json(report, table, second, many, idle))
    print(text)
    tell(f"written: {options.output} and {raw}")


def _call(options: Namespace) -> str:
    """The command to repeat this run, with the options that differ from the defaults."""
    # Options that `make bench` sets itself, and the paths on this machine, are left out, each with its value.
    own, words = {"--leased", "--load", "--dir", "--output"}, iter(sys.argv[1:])
    kept = []
    for word in words:
        if word in own:
            next(words, None)
        elif word.partition("=")[0] not in own:
            kept.append(word)
    flags = " ".join(kept)
    return f"make bench BENCH_FLAGS='{flags}'" if flags else "make bench"


def _disk(filesystem: FileSystem, syncs: SyncTimes) -> list[tuple[str, str]]:
    return [
        ("Disk", f"{filesystem.kind} on {filesystem.device}"),
        ("fdatasync of 4 KiB", f"p50 {syncs.p50:.0f} µs, p99 {syncs.p99:.0f} µs: the floor of one durable command"),
    ]


def _page(peer: Peer, missing: str | None, place: Place) -> PeerPage:
    is_there = peer.missing() is None
    command = shlex.join(peer.command()) if is_there else ""
    for folder, name in ((place.data, "$DIR"), (place.sockets, "$SOCKETS"), (place.leased.parent, ".build/release")):
        command = command.replace(str(folder), name)
    return PeerPage(
        name=peer.name,
        title=peer.title,
        promise=peer.promise,
        notes=peer.notes,
        version=peer.version() if is_there else "not measured",
        command=command,
        missing=missing,
    )


def _as_json(report: Report, table: MainTable, second: SecondSet, many: ManyLeases | None, idle: Idle | None) -> str:
    figures: dict[str, Any] = {
        "date": report.date,
        "commit": report.commit,
        "machine": dict(report.machine),
        "peers": {page.name: {"version": page.version, "missing": page.missing} for page in report.peers},
        "cycles": [result.as_json() for result in table.results],
        "second": [extra.as_json() for extra in second.results],
        "many": many.as_json() if many else None,
        "idle": idle.as_json() if idle else None,
    }
    return json.dumps(figures, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
