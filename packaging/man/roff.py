"""A man page as text for man(7): escaping, and the few elements that the pages consist of."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field


def escape(text: str) -> str:
    """Plain text, safe anywhere in a line. A hyphen stays a hyphen, so that copied text can be pasted."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    text = text.replace("^", r"\(ha").replace("~", r"\(ti").replace('"', r"\(dq")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def line(text: str) -> str:
    """Escaped text as a separate line: a point at its beginning would be a macro."""
    escaped = escape(text)
    return "\\&" + escaped if escaped.startswith(".") else escaped


def words(text: str) -> str:
    """Text with `code` and **strong** and [links](…), as a line."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^]]+\]\([^)]+\))", text)
    shown = ""
    for part in parts:
        if part.startswith("`"):
            shown += rf"\fB{escape(part[1:-1])}\fR"
        elif part.startswith("**"):
            shown += rf"\fB{escape(part[2:-2])}\fR"
        elif part.startswith("*") and len(part) > 2:
            shown += rf"\fI{escape(part[1:-1])}\fR"
        elif part.startswith("[") and "](" in part:
            shown += words(part[1 : part.index("](")])
        else:
            shown += escape(part)
    return "\\&" + shown if shown.startswith(".") else shown


HEADS = {".SH", ".SS"}


def day() -> str:
    """The day of the build, or of the commit, so that two builds of one source are the same."""
    return time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))


@dataclass
class Page:
    """The page NAME(SECTION), built from the top."""

    name: str
    section: int
    title: str
    version: str
    lines: list[str] = field(default_factory=list)

    def head(self, text: str) -> None:
        self.lines.append(f'.SH "{escape(text.upper())}"')

    def subhead(self, text: str) -> None:
        self.lines.append(f'.SS "{escape(text)}"')

    def paragraph(self, text: str) -> None:
        self.lines += [".PP", words(text)]

    def raw(self, text: str) -> None:
        """A line that is already escaped."""
        self.lines.append(text)

    def item(self, term: str, texts: Iterable[str]) -> None:
        """A term, already escaped, and its explanation."""
        self.items([term], texts)

    def items(self, terms: list[str], texts: Iterable[str]) -> None:
        """Terms that share one explanation."""
        # The usual indentation, even after bullets, which have another.
        for number, term in enumerate(terms):
            self.lines += [".TQ" if number else ".TP 7", term]
        for number, text in enumerate(texts):
            self.lines += [".IP"] * (number > 0) + [words(text)]

    def bullet(self, text: str) -> None:
        self.lines += [r".IP \(bu 2", words(text)]

    def example(self, text: str) -> None:
        """Lines as they are."""
        self.lines += [".PP", ".RS 4", ".nf", *(line(each) for each in text.splitlines()), ".fi", ".RE"]

    def more(self, text: str) -> None:
        """Another paragraph of an item."""
        self.lines += [".IP", words(text)]

    def item_example(self, text: str) -> None:
        """Lines as they are, within an item."""
        self.lines += [".IP", ".nf", *(line(each) for each in text.splitlines()), ".fi"]

    def text(self) -> str:
        head = f'.TH "{escape(self.name.upper())}" {self.section} "{day()}" "leased {escape(self.version)}" "leased"'
        name = [".SH NAME", f"{escape(self.name)} \\- {escape(self.title)}"]
        # Directly below a heading, a paragraph begins by itself.
        pairs = zip(["", *self.lines[:-1]], self.lines, strict=True)
        body = [each for before, each in pairs if each != ".PP" or before[:3] not in HEADS]
        return "\n".join([r".\" Generated from the program's own texts; do not edit.", head, *name, *body]) + "\n"
