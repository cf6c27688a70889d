"""python3 -m man PROGRAMS OUTPUT: writes the man pages of the programs in one folder into another."""

import sys
from pathlib import Path

from . import help, protocol, settings

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    programs, output = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    version = help.version(str(programs / "leased"))
    pages = [
        help.page(str(programs / "leased"), 8),
        help.page(str(programs / "leasectl"), 1),
        settings.page(ROOT / "systemd" / "leased.yaml", version),
        protocol.page(ROOT / "docs" / "PROTOCOL.md", programs / "leased", version),
    ]
    for page in pages:
        folder = output / f"man{page.section}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{page.name}.{page.section}").write_text(page.text(), encoding="ascii")


if __name__ == "__main__":
    main()
