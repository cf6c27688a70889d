"""What /proc says about a process whose threads come and go."""

from pathlib import Path


def of_threads(pid: int, file: str) -> dict[int, str]:
    """A file of each thread of a process, by the thread's number, without those that end meanwhile.

    A thread that ends between the listing and the reading gives ENOENT on open, or ESRCH on read (proc(5)).
    """
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found[int(task.name)] = (task / file).read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def of_program(program: Path) -> list[int]:
    """The processes that execute a file, without those that end meanwhile."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "exe").readlink() == program:
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
