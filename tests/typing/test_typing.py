"""The annotations are part of the interface: what the type checkers accept and reject is tested in both of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache as once
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACCEPTED, REJECTED = HERE / "accepted.py", HERE / "rejected.py"

Complaints = dict[int, str]
"""What a checker says, by line."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@once
def mypy() -> dict[Path, Complaints]:
    """mypy, strict, by the workspace's own settings."""
    ran = run("mypy", "--strict", "--show-absolute-path", "--no-error-summary", "--no-pretty", str(ACCEPTED), str(REJECTED))
    if ran.returncode not in (0, 1):
        pytest.fail(f"mypy could not be run:\n{ran.stdout}{ran.stderr}")
    found: dict[Path, Complaints] = {ACCEPTED: {}, REJECTED: {}}
    for path, line, text in re.findall(r"^(.+?):(\d+)(?::\d+)?: error: (.*)$", ran.stdout, re.MULTILINE):
        found.setdefault(Path(path), {})[int(line)] = text
    return found


@once
def pyright() -> dict[Path, Complaints]:
    """pyright, standard, by the workspace's own settings."""
    ran = run("pyright", "--outputjson", "--pythonpath", sys.executable, str(ACCEPTED), str(REJECTED))
    if ran.returncode not in (0, 1) or not ran.stdout.lstrip().startswith("{"):
        pytest.fail(
            "pyright could not be run. It is a Node.js program: at its first run the PyPI package fetches it, and Node.js "
            f"when there is none, so run `python -m pyright --version` once on a network that lets it.\n{ran.stdout}{ran.stderr}"
        )
    found: dict[Path, Complaints] = {ACCEPTED: {}, REJECTED: {}}
    for told in json.loads(ran.stdout)["generalDiagnostics"]:
        if told["severity"] == "error":
            found.setdefault(Path(told["file"]), {})[told["range"]["start"]["line"] + 1] = told["message"]
    return found


Checker = Callable[[], dict[Path, Complaints]]
BOTH = pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])


def marked(path: Path) -> set[int]:
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if line.endswith("# error")}


@BOTH
def test_right_uses_are_accepted(checker: Checker) -> None:
    """Parameters, results, bound methods and verbs keep the decorated function's types."""
    assert checker()[ACCEPTED] == {}


@BOTH
def test_wrong_uses_are_rejected(checker: Checker) -> None:
    """A wrong argument, option or use of a result is an error on its line, and no other line is one."""
    said = checker()[REJECTED]
    missed = {line: REJECTED.read_text().splitlines()[line - 1].strip() for line in marked(REJECTED) - set(said)}
    unmarked = {line: text for line, text in said.items() if line not in marked(REJECTED)}
    assert (missed, unmarked) == ({}, {})


@BOTH
def test_nothing_else_is_complained_of(checker: Checker) -> None:
    """The two files are what was checked: the packages' own sources, followed by import, have no errors."""
    assert set(checker()) == {ACCEPTED, REJECTED}
