"""leased(8) and leasectl(1), from what the programs tell of themselves by `--experimental-dump-help`."""

import itertools
import json
import subprocess
import textwrap
from typing import Any

from .roff import Page, escape

Node = dict[str, Any]
#: Each command has them; they are told once.
COMMON = {"help", "version", "socket", "user", "json"}

SEE_ALSO = {
    "leased": "leasectl(1), leased.yaml(5), leased-protocol(7), systemd.socket(5), systemd.service(5)",
    "leasectl": "leased(8), leased-protocol(7), flock(1), systemd.unit(5)",
}
FILES = {
    "leased": [
        ("/etc/leased/leased.yaml", "The configuration: leased.yaml(5)."),
        ("/run/leased/leased.sock", "The socket."),
        ("/var/lib/leased/leased.db", "The store, which holds everything."),
        ("~/.config/leased/leased.yaml, $XDG_RUNTIME_DIR/leased/leased.sock, ~/.local/state/leased/leased.db",
         "The same of a user's own daemon."),
    ],
}  # fmt: skip


def dump(program: str) -> Node:
    told = subprocess.run([program, "--experimental-dump-help"], check=True, stdout=subprocess.PIPE)
    command: Node = json.loads(told.stdout)["command"]
    return command


def version(program: str) -> str:
    return subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]


def shown(nodes: list[Node] | None) -> list[Node]:
    return [node for node in nodes or [] if node.get("shouldDisplay", True) and node.get("commandName") != "help"]


def flag(name: Node) -> str:
    return ("--" if name["kind"] == "long" else "-") + str(name["name"])


def is_common(argument: Node) -> bool:
    return argument["kind"] != "positional" and any(name["name"] in COMMON for name in argument["names"])


def usage(argument: Node) -> str:
    """An argument as it stands in a synopsis."""
    value = rf"\fI{escape(argument.get('valueName', 'value'))}\fR"
    if argument["kind"] == "positional":
        text = value
    else:
        text = rf"\fB{escape(flag(argument['preferredName']))}\fR" + (
            f" {value}" if argument["kind"] == "option" else ""
        )
    text += r"\~.\|.\|." if argument["isRepeating"] else ""
    return f"[{text}]" if argument["isOptional"] else text


def term(argument: Node) -> str:
    """An argument as it stands before its explanation."""
    value = rf"\fI{escape(argument.get('valueName', 'value'))}\fR"
    if argument["kind"] == "positional":
        return value
    names = ", ".join(
        rf"\fB{escape(flag(name))}\fR" for name in sorted(argument["names"], key=lambda n: len(n["name"]))
    )
    return f"{names} {value}" if argument["kind"] == "option" else names


def discussion(page: Page, text: str) -> None:
    """Prose by paragraphs; what is indented is an example."""
    for block in text.strip("\n").split("\n\n"):
        for indented, lines in itertools.groupby(block.splitlines(), lambda each: each.startswith("  ")):
            if indented:
                page.example(textwrap.dedent("\n".join(lines)))
            else:
                page.paragraph(" ".join(lines))


def arguments(page: Page, nodes: list[Node]) -> None:
    for argument in nodes:
        text = argument.get("abstract", "") + (" " + argument["discussion"] if argument.get("discussion") else "")
        values = argument.get("allValueStrings") or argument.get("allValues")
        page.item(term(argument), [text + (f" ({', '.join(values)})" if values and values[0] not in text else "")])


def command(page: Page, node: Node, path: list[str], common: bool) -> None:
    """What a command takes and does."""
    mine = [a for a in shown(node.get("arguments")) if common or not is_common(a)]
    page.raw(".PP")
    page.raw(" ".join([rf"\fB{escape(' '.join(path))}\fR", *(usage(argument) for argument in mine)]))
    page.paragraph(node.get("abstract", ""))
    discussion(page, node.get("discussion", ""))
    arguments(page, mine)


def subcommands(page: Page, node: Node, path: list[str]) -> None:
    for child in shown(node.get("subcommands")):
        name = [*path, child["commandName"]]
        page.subhead(" ".join(name[1:]))
        if shown(child.get("subcommands")):
            page.paragraph(child.get("abstract", ""))
            discussion(page, child.get("discussion", ""))
            subcommands(page, child, name)
        else:
            command(page, child, name, common=False)


def page(program: str, section: int) -> Page:
    """The man page of a program."""
    root = dump(program)
    name = root["commandName"]
    made = Page(name, section, root["abstract"].rstrip("."), version(program))
    made.head("Synopsis")
    children = shown(root.get("subcommands"))
    own = shown(root.get("arguments"))
    if children:
        made.raw(rf"\fB{escape(name)}\fR \fIcommand\fR [\fIoption\fR\~.\|.\|.] [\fIargument\fR\~.\|.\|.]")
    else:
        made.raw(" ".join([rf"\fB{escape(name)}\fR", *(usage(argument) for argument in own)]))
    made.head("Description")
    discussion(made, root.get("discussion", ""))
    made.head("Options")
    if children:
        made.paragraph("These are understood by every command that has a use for them.")
        known: dict[str, Node] = {}
        for argument in [*own, *(a for child in children for a in shown(child.get("arguments")))]:
            if is_common(argument):
                known.setdefault(flag(argument["preferredName"]), argument)
        arguments(made, list(known.values()))
        made.head("Commands")
        subcommands(made, root, [name])
    else:
        arguments(made, own)
    if name in FILES:
        made.head("Files")
        for path, text in FILES[name]:
            made.item(rf"\fI{escape(path)}\fR", [text])
    made.head("See also")
    made.raw(escape(SEE_ALSO[name]))
    return made
