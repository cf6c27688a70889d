"""The disk that the measurements use."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileSystem:
    kind: str
    device: str

    @classmethod
    def of(cls, folder: Path) -> "FileSystem":
        """The file system that the folder is on, by the longest mount point above it."""
        best, found = -1, cls("unknown", "unknown")
        for line in Path("/proc/self/mounts").read_text().splitlines():
            device, point, kind, *_ = line.split(" ")
            if folder.resolve().is_relative_to(point) and len(point) >= best:
                best, found = len(point), cls(kind, device)
        return found

    @property
    def is_memory(self) -> bool:
        return self.kind in {"tmpfs", "ramfs", "devtmpfs"}


@dataclass(frozen=True)
class SyncTimes:
    """How long fdatasync(2) takes after a write of 4 KiB into a file that does not grow, in microseconds."""

    p50: float
    p99: float

    @classmethod
    def measure(cls, folder: Path, seconds: float) -> "SyncTimes":
        block = os.urandom(4096)
        path = folder / "fdatasync-probe"
        times: list[int] = []
        with path.open("wb", buffering=0) as file:
            blocks = 1024
            file.write(bytes(4096 * blocks))
            os.fsync(file.fileno())
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                os.pwrite(file.fileno(), block, len(times) % blocks * 4096)
                began = time.perf_counter_ns()
                os.fdatasync(file.fileno())
                times.append(time.perf_counter_ns() - began)
        path.unlink()
        times.sort()
        return cls(p50=times[len(times) // 2] / 1000, p99=times[len(times) * 99 // 100] / 1000)


def settle() -> None:
    """Writes out what one peer has left to be written, so that it does not slow down the next one."""
    os.sync()
