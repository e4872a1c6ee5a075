"""``python -m benchmarks [imports|hits|values] [--json]``: all of them when none is named."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable

from . import hits, imports, values
from .measuring import Row

BENCHMARKS: dict[str, Callable[[], list[Row]]] = {"imports": imports.measure, "hits": hits.measure, "values": values.measure}


def main() -> int:
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all when none is given")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = [row for name in options.names or BENCHMARKS for row in BENCHMARKS[name]()]
    if options.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return 0
    print(f"{'what':40} {'ours':>10} {'':3} {'ratio':>8}   {'of':34} asked for")
    for row in rows:
        limit = "" if row.limit is None else f"at most {row.limit}x: {'reached' if row.ratio <= row.limit else 'MISSED'}"
        print(f"{row.what:40} {row.ours:10.2f} {row.unit:3} {row.ratio:8.2f} x {row.beside:34} {limit}")
    return 1 if any(row.limit is not None and row.ratio > row.limit for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
