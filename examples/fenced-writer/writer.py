#!/usr/bin/env python3
"""Writes a line of its standard input to a file and to a table, under the fence in its environment.

LEASE_NAME=LEASE LEASE_TOKEN=FENCE writer.py FILE DATABASE

`leasectl run` sets both variables. The exit status is 0 if both were written, and 76 if one of them has refused the
fence.
"""

import os
import sys

from stores import FencedFile, FencedTable, StaleFenceError


def main(file: str, database: str) -> int:
    lease, fence = os.environ["LEASE_NAME"], int(os.environ["LEASE_TOKEN"])
    print(f"a writer begins, fence {fence}", flush=True)
    text = sys.stdin.readline()

    refused = 0
    try:
        FencedFile(file).write(text.encode(), fence)
        print("the file is written")
    except StaleFenceError as refusal:
        refused += 1
        print(f"the file has refused: {refusal}")

    table = FencedTable(database, lease=lease)
    try:
        table.write("report", text, fence)
        print("the table is written")
    except StaleFenceError as refusal:
        refused += 1
        print(f"the table has refused: {refusal}")
    finally:
        table.close()
    return 76 if refused else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: LEASE_NAME=LEASE LEASE_TOKEN=FENCE writer.py FILE DATABASE")
    sys.exit(main(*sys.argv[1:]))
