"""The benchmarks run, and their page can be written; what they measure is for a calm machine."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import policies
from benchmarks.measuring import Row

ROOT = Path(__file__).parents[2]
TRACE = policies.with_scans(policies.zipf(1000, 5000, 1.0), every=500, length=100)


# A name whose module is None is one that is not installed.
ALONE = """
import sys
sys.modules.update(dict.fromkeys(["cachebox", "cachetools", "moka_py", "theine"]))
from benchmarks.__main__ import main
sys.exit(main())
"""


def bench(*arguments: str, alone: bool = False) -> str:
    command = [sys.executable, "-W", "error", *(["-c", ALONE] if alone else ["-m", "benchmarks"]), "--quick", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", ["imports", "l1", "l2", "values"])
def test_each_benchmark_runs(name: str) -> None:
    """Each benchmark gives rows, as JSON too."""
    rows = [Row(**row) for row in json.loads(bench(name, "--json"))]
    assert rows
    assert all(row.what and row.unit and row.beside for row in rows)


def test_l1_runs_without_the_other_libraries() -> None:
    """Where none of the other libraries is installed, ours is measured beside what Python has."""
    beside = {row["beside"] for row in json.loads(bench("l1", "--json", alone=True))}
    assert "lru_cache" in beside
    assert not beside & {"cachebox", "cachetools", "moka-py", "theine"}


def test_the_page_is_written(tmp_path: Path) -> None:
    """Writing fills all three places of the page, leaves its prose, and draws a chart with a bar of ours in each panel."""
    shutil.copy(ROOT / "docs/benchmarks/l1.md", tmp_path)
    bench("l1", "--write", "--folder", str(tmp_path))
    text = (tmp_path / "l1.md").read_text()
    assert text.count("<!-- end -->") == 3
    assert "| hit, one int, ns | **" in text
    assert "| longest insert, full of 100,000" in text
    assert "Taken on " in text
    assert text.endswith((ROOT / "docs/benchmarks/l1.md").read_text().rpartition("<!-- end -->")[2])
    bars = ElementTree.parse(tmp_path / "l1.svg").iter("{http://www.w3.org/2000/svg}rect")
    assert sum(bar.get("class") == "ours" for bar in bars) >= 5


@pytest.mark.parametrize(("row", "missed"), [((2.0, 1.0, None), True), ((0.5, 1.0, None), False), ((0.5, None, 1.0), True)])
def test_a_target_is_missed(row: tuple[float, float | None, float | None], missed: bool) -> None:
    """A ratio above its limit, or below its least, is a target missed, and the row says so."""
    made = Row("hit", 1.0, "ns", row[0], "one", row[1], row[2])
    assert made.missed is missed
    assert ("MISSED" if missed else "reached") in made.asked


def test_simulated_lru_is_lru() -> None:
    """The simulated LRU finds what `functools.lru_cache` of that size finds."""

    @functools.lru_cache(maxsize=100)
    def value(key: int) -> None:
        pass

    for key in TRACE:
        value(key)
    assert policies.hit_rate(policies.Lru(100).hit, TRACE) == 100 * value.cache_info().hits / len(TRACE)


@pytest.mark.parametrize("policy", [policies.Lru, policies.Sieve, policies.S3Fifo])
def test_a_policy_keeps_its_size(policy: Callable[[int], policies.Policy]) -> None:
    """Of keys that are all equally popular a policy finds the part that it has room for, whatever it keeps."""
    assert policies.hit_rate(policy(100).hit, policies.zipf(1000, 30_000, 0.0)) == pytest.approx(10, abs=0.5)
