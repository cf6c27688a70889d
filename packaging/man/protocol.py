"""leased-protocol(7): docs/PROTOCOL.md, and each command as the daemon describes it with COMMAND DOCS."""

import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .roff import Page, escape, words


def reply(stream: Any) -> Any:
    """One reply of RESP2."""
    kind, rest = (line := stream.readline().rstrip(b"\r\n"))[:1], line[1:]
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b"*":
        return [reply(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
    return int(rest) if kind == b":" else rest.decode()


def commands(program: Path) -> list[tuple[str, dict[str, Any]]]:
    """Asks a temporary daemon, which runs only for this."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"{folder}/notify")
        notify.settimeout(60)
        daemon = subprocess.Popen(
            [program, "--socket", f"{folder}/s", "--store", f"{folder}/db"],
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(f"{folder}/s")
                connection.sendall(b"COMMAND DOCS\r\n")
                answer = reply(connection.makefile("rb"))
        finally:
            daemon.terminate()
            daemon.wait()
    return [(name, pairs(docs)) for name, docs in zip(answer[::2], answer[1::2], strict=True)]


def pairs(flat: list[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def argument(node: dict[str, Any]) -> str:
    """An argument as it is written in a command."""
    flags = node.get("flags", [])
    kind = node.get("type")
    if kind in {"oneof", "block"}:
        parts = [argument(pairs(child)) for child in node.get("arguments", [])]
        text = ("|" if kind == "oneof" else " ").join(parts)
    elif kind == "pure-token":
        text = rf"\fB{escape(node.get('token', node['name']).upper())}\fR"
    else:
        text = rf"\fI{escape(node['name'])}\fR"
    if kind != "pure-token" and node.get("token"):
        text = rf"\fB{escape(node['token'])}\fR {text}"
    if "multiple" in flags:
        text += rf" [{text}\~.\|.\|.]"
    return f"[{text}]" if "optional" in flags else text


def command(page: Page, name: str, docs: dict[str, Any]) -> None:
    for child_name, child in zip(docs.get("subcommands", [])[::2], docs.get("subcommands", [])[1::2], strict=True):
        command(page, child_name.replace("|", " "), pairs(child))
    if docs.get("subcommands"):
        return
    synopsis = [rf"\fB{escape(name.upper())}\fR", *(argument(pairs(each)) for each in docs.get("arguments", []))]
    page.item(" ".join(synopsis), [docs["summary"] + f" {docs['complexity']}." * ("complexity" in docs)])


def table(page: Page, rows: list[str]) -> None:
    """A table as a list: its first column is the term."""
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows]
    heads = cells[0]
    for row in cells[2:]:
        texts = [row[1]] if len(row) > 1 and row[1] else []
        texts += [f"{head}: {cell}" for head, cell in zip(heads[2:], row[2:], strict=True) if cell]
        page.item(words(row[0].replace("\\|", "|")), [". ".join(texts)])


def markdown(page: Page, text: str) -> None:
    """The subset of Markdown that the protocol's page uses."""
    block: list[str] = []

    def flush() -> None:
        if not block:
            return
        if block[0].startswith("|"):
            table(page, block)
        elif block[0].startswith("- "):
            for item in re.split(r"\n- ", "\n".join(block)[2:]):
                page.bullet(" ".join(item.split()))
        elif block[0].startswith("    ") or block[0].startswith("```"):
            page.example("\n".join(each for each in block if not each.startswith("```")))
        else:
            page.paragraph(" ".join(" ".join(block).split()))
        block.clear()

    for each in [*text.splitlines(), ""]:
        if each.startswith("#"):
            flush()
            page.head(each.lstrip("# "))
        elif not each.strip():
            flush()
        else:
            if block and each.startswith("- ") != block[0].startswith("- ") and each.startswith(("- ", "|")):
                flush()
            block.append(each)
    flush()


def page(source: Path, daemon: Path, version: str) -> Page:
    made = Page("leased-protocol", 7, "the protocol of the lease daemon's socket", version)
    made.head("Description")
    _, _, body = source.read_text().partition("\n")
    markdown(made, body)
    made.head("Commands")
    for name, docs in commands(daemon):
        command(made, name, docs)
    made.head("See also")
    made.raw("leased(8), leasectl(1), leased.yaml(5)")
    return made
