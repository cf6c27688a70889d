"""leased(8) and leasectl(1), from the programs' own description by `--experimental-dump-help`."""

import itertools
import json
import re
import subprocess
import textwrap
from typing import Any

from .roff import Page, escape

Node = dict[str, Any]
#: Options of every command, which are described once.
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
         "The same for a user's own daemon."),
    ],
}  # fmt: skip
ENVIRONMENT = {
    "leased": [
        ("LEASED_*", "A setting: LEASED_ and its name in capitals, as leased.yaml(5) says. A variable that is empty, "
                     "or names no setting, is ignored."),
        ("XDG_RUNTIME_DIR, XDG_CONFIG_HOME, XDG_STATE_HOME, HOME",
         "With --user: where the socket, the configuration and the store are, as under Files."),
        ("LISTEN_FDS, NOTIFY_SOCKET, WATCHDOG_USEC, JOURNAL_STREAM", "Set by systemd; do not set them yourself."),
    ],
    "leasectl": [
        ("LEASED_SOCKET", "The daemon's socket, if neither --socket nor --user is given."),
        ("XDG_RUNTIME_DIR", "With --user: the folder that has leased/leased.sock. If it is not set, /run/user/UID."),
        ("NO_COLOR", "If it is not empty, the output is not coloured."),
        ("TERM", "If it is not set, or dumb, the output is not coloured. It never is if stdout is not a terminal."),
        ("TMPDIR", "Where import puts its copy of a dump that comes from a pipe. If it is not set, /var/tmp."),
        ("PATH", "Where run and elect look for a command whose name has no slash."),
        ("TZ", "The time zone for the times that are shown."),
        ("NOTIFY_SOCKET", "With hold --notify: the socket on which systemd listens."),
        ("LEASE_NAME, LEASE_TOKEN, LEASE_OWNER, LEASE_TTL_MS, LEASED_SOCKET",
         "Set for the command of run and elect: the lease, its fence, its owner label, its TTL in milliseconds and the "
         "daemon's socket."),
    ],
}  # fmt: skip
#: leased(8) takes them from the program's own text.
EXIT_STATUS = {
    "leasectl": [
        ("0", "Success, or the answer is yes."),
        ("1", "The answer is no, or what was asked for is not there: get, keys tracker, prefix contains, prefix append "
              "of a child that is already there, status --is."),
        ("64", "Wrong usage, or a value that the daemon does not accept, such as a TTL over its longest."),
        ("65", "The input is damaged, or too big."),
        ("66", "The input cannot be read."),
        ("69", "The daemon cannot be reached, or answers that it cannot do it: a limit is reached (BUSY), or its disk "
               "is full (IOERR)."),
        ("70", "Internal error, or the machine refuses a resource that is needed."),
        ("73", "A file cannot be created, or already exists."),
        ("74", "The output cannot be written."),
        ("75", "Another holds the lease, or the wait for it ended. -E sets another number, --skip-ok makes it 0."),
        ("76", "The lease is lost: it was revoked, or the token is not, or no longer, the lease's. The job, if there "
               "was one, has been stopped."),
        ("77", "This user may not do this, or may not open the socket."),
        ("124", "The job was stopped because the time of --at-most was over."),
        ("126", "The command cannot be executed."),
        ("127", "The command is not found."),
        ("128+N", "Signal N ended the job, or came before the job started."),
    ],
}  # fmt: skip
#: The paragraph of a program's text that becomes a separate section.
EXIT_PARAGRAPH = re.compile(r"^Exit (?:codes|status): (.*)$", re.MULTILINE)


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
    """An argument as it appears in a synopsis."""
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
    """An argument as it appears before its explanation."""
    value = rf"\fI{escape(argument.get('valueName', 'value'))}\fR"
    if argument["kind"] == "positional":
        return value
    names = ", ".join(
        rf"\fB{escape(flag(name))}\fR" for name in sorted(argument["names"], key=lambda n: len(n["name"]))
    )
    return f"{names} {value}" if argument["kind"] == "option" else names


def discussion(page: Page, text: str) -> None:
    """Prose by paragraphs; indented text is an example."""
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


def exit_status(page: Page, program: str, told: str) -> None:
    """A program's exit status, from the table here or else from its own text."""
    page.head("Exit status")
    paragraph = EXIT_PARAGRAPH.search(told)
    assert paragraph is not None, f"{program} tells its exit codes"
    for number, text in EXIT_STATUS.get(program) or re.findall(r"(\d+) ([^;]+?)(?:;|\.?$)", paragraph[1]):
        page.item(rf"\fB{number}\fR", [text[0].upper() + text[1:].rstrip(".") + "."])
    if program in EXIT_STATUS:
        page.paragraph("Otherwise run and elect exit with the command's own status.")


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
    told = root.get("discussion", "")
    discussion(made, EXIT_PARAGRAPH.sub("", told))
    made.head("Options")
    if children:
        made.paragraph("Every command that has a use for these options accepts them.")
        known: dict[str, Node] = {}
        for argument in [*own, *(a for child in children for a in shown(child.get("arguments")))]:
            if is_common(argument):
                known.setdefault(flag(argument["preferredName"]), argument)
        arguments(made, list(known.values()))
        made.head("Commands")
        subcommands(made, root, [name])
    else:
        arguments(made, own)
    exit_status(made, name, told)
    made.head("Environment")
    for variables, text in ENVIRONMENT[name]:
        made.item(rf"\fB{escape(variables)}\fR", [text])
    if name in FILES:
        made.head("Files")
        for path, text in FILES[name]:
            made.item(rf"\fI{escape(path)}\fR", [text])
    made.head("See also")
    made.raw(escape(SEE_ALSO[name]))
    return made
