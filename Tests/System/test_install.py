"""The files of `make install` under any prefix, and their removal: places, links, man pages."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import binaries

REPOSITORY = binaries.REPOSITORY
PREFIX = "/opt/some"


def stage(destination: Path) -> Path:
    """The installation, and its prefix as a folder."""
    made = subprocess.run(
        [str(REPOSITORY / "packaging/stage.sh"), str(binaries.directory()), str(destination), PREFIX],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return destination / PREFIX.lstrip("/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage(tmp_path_factory.mktemp("install"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def man(installed: Path, page: str) -> str:
    """The source of a page, without the marks and escapes that would hinder a search here."""
    with gzip.open(installed / "share/man" / f"{page}.gz", "rt") as source:
        text = source.read()
    text = re.sub(r"\\f[BIR]|\\&", "", text)
    for escape, plain in [(r"\-", "-"), (r"\(aq", "'"), (r"\(dq", '"'), (r"\e", "\\")]:
        text = text.replace(escape, plain)
    return text


def test_units_and_examples_name_the_places_under_the_prefix(installed: Path) -> None:
    texts = [*files(installed / "lib/systemd"), *files(installed / "share/doc/leased/examples")]
    named = {path.name: path.read_text() for path in texts}
    assert f"ExecStart={PREFIX}/bin/leasectl run" in named["nightly.service"]
    assert f"{PREFIX}/share/doc/leased/examples" in named["lease@.service"]
    for name, text in named.items():
        assert not re.search(r"(?<!\w)/usr/(s?bin/lease|share/doc/leased)", text), name


def test_the_licences_of_what_the_programs_contain_come_along(installed: Path) -> None:
    notices = (installed / "share/doc/leased/THIRD-PARTY-NOTICES").read_text()
    named = set(re.findall(r"^======== (.*) ========$", notices, re.MULTILINE))
    assert {"GRDB.swift", "Yams", "LibYAML", "swift-nio", "Swift, its standard library and runtime"} <= named
    assert not [name for name in named if "docc" in name], "what only makes documentation is in no program"
    assert "Gwendal" in notices and "Runtime Library Exception" in notices
    assert "Apache License" in (installed / "share/doc/leased/LICENSE").read_text()


def test_the_links_of_the_pages_lead_somewhere(installed: Path) -> None:
    pages = sorted((installed / "share/doc/leased").rglob("*.md"))
    assert len(pages) > 5
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_that_remove_it_leave_nothing(tmp_path: Path) -> None:
    root = stage(tmp_path / "root")
    page = (REPOSITORY / "docs/OPERATING.md").read_text().partition("**After `make install`**")[2]
    commands = re.findall(r"^    (rm .*)$", page.partition("for good")[0], re.MULTILINE)
    subprocess.run(["bash", "-euc", "\n".join(commands)], cwd=root, check=True)
    assert files(root) == []


def test_make_uninstall_leaves_nothing_and_no_more(tmp_path: Path) -> None:
    root = stage(tmp_path / "root")
    other = root / "bin/other"
    other.touch()
    command = ["make", "--silent", "uninstall", f"DESTDIR={tmp_path / 'root'}", f"PREFIX={PREFIX}"]
    for _ in range(2):
        subprocess.run(command, cwd=REPOSITORY, check=True)
        assert files(root) == [other]
    assert (tmp_path / "root/etc/leased/leased.yaml").exists()


def test_the_configurations_page_keeps_rules_as_they_are_written(installed: Path) -> None:
    page = man(installed, "man5/leased.yaml.5").splitlines()
    lines = (REPOSITORY / "systemd/leased.yaml").read_text().splitlines()
    indented = [line[1:] for line in lines if re.match(r"# {2,}\S", line)]
    assert any("allow group deploy" in line for line in indented)
    assert [line for line in indented if line.rstrip()[1:] not in page] == []
    # They are indented by 14 columns, and one blank of each belongs to the comment.
    assert [line for line in indented if len(line) > 80 - 14 + 1] == [], "a terminal of 80 columns has no room for more"


def section(page: str, name: str) -> str:
    return page.partition(f'.SH "{name}"\n')[2].partition("\n.SH ")[0]


def test_leasectls_page_has_its_exit_codes(installed: Path) -> None:
    told = section(man(installed, "man1/leasectl.1"), "EXIT STATUS")
    source = (REPOSITORY / "Sources/leasectl/ExitStatus.swift").read_text()
    numbers = {int(number) for number in re.findall(r"static let \w+: Int32 = (\d+)", source)}
    assert {int(number) for number in re.findall(r"^(\d+)$", told, re.MULTILINE)} == numbers


def test_leasectls_page_has_the_variables_that_it_reads(installed: Path) -> None:
    told = section(man(installed, "man1/leasectl.1"), "ENVIRONMENT")
    sources = [path.read_text() for path in (REPOSITORY / "Sources/leasectl").rglob("*.swift")]
    read = {name for text in sources for name in re.findall(r'getenv\("(\w+)"\)', text)}
    assert {"NO_COLOR", "TMPDIR"} <= read
    for name in read | {"LEASED_SOCKET", "XDG_RUNTIME_DIR"}:
        assert re.search(rf"\b{name}\b", told), name


def test_leaseds_page_has_the_exit_codes_of_its_own_text(installed: Path) -> None:
    told = section(man(installed, "man8/leased.8"), "EXIT STATUS")
    helped = subprocess.run([binaries.path("leased"), "--help"], check=True, capture_output=True, text=True).stdout
    numbers = re.findall(r"\b\d+(?= \w)", helped.partition("Exit status:")[2].partition("OPTIONS")[0])
    assert re.findall(r"^(\d+)$", told, re.MULTILINE) == numbers
