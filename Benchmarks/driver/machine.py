"""The machine and the versions, for the report."""

import os
import platform
import subprocess
from pathlib import Path


def description() -> list[tuple[str, str]]:
    """Names and values that identify this machine."""
    return [
        ("Processor", f"{_processor()}, {len(os.sched_getaffinity(0))} usable"),
        ("Memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"),
        ("System", f"{_distribution()}, Linux {platform.release()}"),
        ("Compiler", _first_line("swift", "--version") or "unknown"),
    ]


def commit(folder: Path) -> str:
    """The commit that is measured, and whether the files differ from it."""
    name = _first_line("git", "-C", str(folder), "rev-parse", "--short=12", "HEAD")
    if not name:
        return "unknown"
    changed = _first_line("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no", "--", "Sources")
    return f"{name} with changes" if changed else name


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "an unknown distribution"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return lines[0].strip() if lines else ""
