"""leased.yaml(5), from the shipped configuration: each setting with its comment and its default."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from .roff import Page, escape


def blocks(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Comments with the settings directly below them. A comment's lines keep their indentation."""
    comment: list[str] = []
    body: list[str] = []
    for each in [*lines, "#"]:
        is_comment = each.lstrip().startswith("#")
        if (is_comment or not each.strip()) and body:
            yield comment, body
            comment, body = [], []
        if is_comment:
            comment.append(re.sub(r"^# ?", "", each.strip()).rstrip())
        elif each.strip():
            body.append(each)
        elif comment:
            yield comment, []
            comment = []


def parts(comment: list[str]) -> Iterator[tuple[bool, str]]:
    """The paragraphs of a comment, each as one line, and its indented lines as they are; each with whether it is
    indented.
    """
    for kind, lines in itertools.groupby(comment, lambda each: each[:1] if each[:1] in {"", " "} else "text"):
        if kind:
            yield kind == " ", ("\n" if kind == " " else " ").join(lines)


def page(source: Path, version: str) -> Page:
    made = Page("leased.yaml", 5, "configuration of the lease daemon", version)
    made.head("Synopsis")
    made.raw(r"\fI/etc/leased/leased.yaml\fR, \fI\(ti/.config/leased/leased.yaml\fR")
    made.head("Description")
    lines = source.read_text().splitlines()[1:]
    all_blocks = list(blocks(lines))
    settings_begin = next(i for i, (_, body) in enumerate(all_blocks) if body)
    for comment, _ in all_blocks[:settings_begin]:
        for is_example, text in parts(comment):
            (made.example if is_example else made.paragraph)(text)
    made.head("Settings")
    parent = ""
    for comment, body in all_blocks[settings_begin:]:
        terms: list[str] = []
        for each in body:
            key, _, value = each.strip().partition(":")
            if each[0] == " ":
                key = f"{parent}.{key}"
            else:
                parent = key
            default = f" (default: {value.strip()})" if value.strip() else ""
            terms.append(rf"\fB{escape(key)}\fR{escape(default)}")
        explanation = list(parts(comment))
        made.items(terms, [text for _, text in explanation[:1]])
        for is_example, text in explanation[1:]:
            (made.item_example if is_example else made.more)(text)
    made.head("Example")
    made.example("log-level: debug\nadministrators:\n  groups: [adm]\nlimits:\n  longest-ttl: 24h")
    made.head("See also")
    made.raw("leased(8), leasectl(1)")
    return made
