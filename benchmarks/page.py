"""Puts the figures of l1 into their page of the docs: tables, a chart, and where they were taken."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from . import chart, l1_peers
from .measuring import Row

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
OURS = "cachekit"
CHARTED = ("one int", "str and int", "keywords", "flat dict, a copy each", "method, ignore=('self',)", "async")

_LOAD = os.getloadavg()[0]  # before anything is measured
_DIGITS = {"ns": 0, "us": 1, "ms": 2, "MiB": 0, "%": 1, "pt": 1}
_REGION = re.compile(r"(<!-- (?P<name>\w+): .*? -->\n).*?(<!-- end -->)", re.DOTALL)


def write(rows: list[Row], folder: Path = FOLDER) -> None:
    """Replace what stands between the marks of *folder*'s page, and the chart beside it."""
    regions = {"machine": _machine(), "libraries": _beside_libraries(rows), "targets": _others(rows)}
    path = folder / "l1.md"
    path.write_text(_REGION.sub(lambda found: f"{found[1]}{regions[found['name']]}\n{found[3]}", path.read_text()))
    hits = {what.removeprefix("hit, "): figures for what, figures in _figures(rows) if what.startswith("hit, ")}
    drawn = {what: hits[what] for what in CHARTED if what in hits}
    # A little more than the second group: one slow library must not make all others' bars a dot.
    most = 1.2 * max((figures.get("moka-py", figures[OURS]) for figures in drawn.values()), default=1.0)
    svg = chart.panels("Nanoseconds a hit takes; shorter is better", drawn, ours=OURS, unit="ns", most=most)
    (folder / "l1.svg").write_text(svg)


def _figures(rows: Iterable[Row]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """What was measured of several libraries, with the figure of each."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.beside in l1_peers.NAMES:
            found.setdefault(row.what, {OURS: row.ours})[row.beside] = row.ours / row.ratio
    yield from found.items()


def _beside_libraries(rows: list[Row]) -> str:
    units = {row.what: row.unit for row in rows}
    table = [["", OURS, *l1_peers.NAMES]]
    for what, figures in _figures(rows):
        digits = _DIGITS[units[what]]
        cells = [f"{figures[name]:,.{digits}f}" if name in figures else "–" for name in l1_peers.NAMES]
        table.append([f"{what}, {units[what]}", f"**{figures[OURS]:,.{digits}f}**", *cells])
    return _table(table)


def _others(rows: list[Row]) -> str:
    table = [["", "measured", "times", "of", "asked for"]]
    for row in rows:
        if row.asked or row.beside not in l1_peers.NAMES:
            shown = f"{row.ours:,.{_DIGITS[row.unit]}f} {row.unit}"
            table.append([row.what, shown, f"{row.ratio:.2f}", row.beside, row.asked.replace("MISSED", "**missed**")])
    return _table(table)


def _table(table: list[list[str]]) -> str:
    head, *lines = (f"| {' | '.join(cells)} |" for cells in table)
    # Names with two underscores are no bold text.
    lines = [line.replace("__", r"\_\_") for line in lines]
    return "\n".join([head, "|---" + "|--:" * (len(table[0]) - 1) + "|", *lines])


def _machine() -> str:
    versions = []
    for name in ("cachekit-core", *l1_peers.NAMES):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{platform.system()} on {platform.machine()}, {_processor()}"
    load = f"Load average when it began: {_LOAD:.1f}."
    return f"Taken on {dt.datetime.now(dt.UTC):%Y-%m-%d} with {python}, {where}. {load} Versions: {', '.join(versions)}."


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", cpus.read_text(), re.MULTILINE) if cpus.exists() else []
    return f"{len(names)} cores, {names[0]}" if names else platform.processor() or "processor unknown"
