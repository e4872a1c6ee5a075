"""`hatch run bench`: each benchmark by its name, or all of them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from . import imports, l1, l2, page, values
from .measuring import Row

BENCHMARKS: dict[str, Callable[[float], list[Row]]] = {
    "imports": imports.measure,
    "l1": l1.measure,
    "l2": l2.measure,
    "values": values.measure,
}
QUICK = 0.01
"""The share of rounds and calls that `--quick` makes."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = [row for name in options.names or BENCHMARKS for row in BENCHMARKS[name](QUICK if options.quick else 1.0)]
    if options.write:
        page.write(rows, options.folder)
    if options.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return 0
    print(f"{'what':44} {'ours':>10} {'':3} {'ratio':>8}   {'of':34} asked for")
    for row in rows:
        print(f"{row.what:44} {row.ours:10.2f} {row.unit:3} {row.ratio:8.2f} x {row.beside:34} {row.asked}")
    return 1 if any(row.missed for row in rows) and not options.quick else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all when none is given")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="hardly any calls: to see that it runs, the figures mean nothing")
    parser.add_argument("--write", action="store_true", help="put the figures of l1 into its page of the docs, and draw its chart")
    parser.add_argument("--folder", type=Path, default=page.FOLDER, help="where the page to write is")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if options.write and options.names != ["l1"]:
        parser.error("--write takes the figures of l1 alone: hatch run bench l1 --write")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
