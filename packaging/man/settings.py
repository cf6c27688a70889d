"""leased.yaml(5), from the configuration that is shipped: each setting with its comment and its default."""

from collections.abc import Iterator
from pathlib import Path

from .roff import Page, escape


def blocks(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Comments and the settings right below them."""
    comment: list[str] = []
    body: list[str] = []
    for each in [*lines, "#"]:
        is_comment = each.lstrip().startswith("#")
        if (is_comment or not each.strip()) and body:
            yield comment, body
            comment, body = [], []
        if is_comment:
            comment.append(each.strip().lstrip("#").strip())
        elif each.strip():
            body.append(each)
        elif comment:
            yield comment, []
            comment = []


def page(source: Path, version: str) -> Page:
    made = Page("leased.yaml", 5, "configuration of the lease daemon", version)
    made.head("Synopsis")
    made.raw(r"\fI/etc/leased/leased.yaml\fR, \fI\(ti/.config/leased/leased.yaml\fR")
    made.head("Description")
    lines = source.read_text().splitlines()[1:]
    parts = list(blocks(lines))
    settings_begin = next(i for i, (_, body) in enumerate(parts) if body)
    # A comment's empty line parts paragraphs, too.
    text = "\n".join("\n".join(comment) for comment, _ in parts[:settings_begin])
    for paragraph in text.strip().split("\n\n"):
        made.paragraph(" ".join(paragraph.split()))
    made.head("Settings")
    parent = ""
    for comment, body in parts[settings_begin:]:
        terms: list[str] = []
        for each in body:
            key, _, value = each.strip().partition(":")
            if each[0] == " ":
                key = f"{parent}.{key}"
            else:
                parent = key
            default = f" (default: {value.strip()})" if value.strip() else ""
            terms.append(rf"\fB{escape(key)}\fR{escape(default)}")
        made.items(terms, [" ".join(comment)])
    made.head("Example")
    made.example("log-level: debug\nadministrators:\n  groups: [adm]\nlimits:\n  longest-ttl: 24h")
    made.head("See also")
    made.raw("leased(8), leasectl(1)")
    return made
