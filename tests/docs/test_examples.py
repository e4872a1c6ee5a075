"""The docs do what they say: their examples run, a page at a time, and so do those of the docstrings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import RedisServer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted(ROOT.glob("docs/**/*.md"))]
MODULES = [path for path in sorted(ROOT.glob("packages/*/src/**/*.py")) if ">>> " in path.read_text()]

FENCE = re.compile(r"^(?P<indent> *)```python(?P<mark>[^\n]*)\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)

DOCTEST = """
import doctest, importlib, sys
failed, tried = doctest.testmod(importlib.import_module(sys.argv[1]), optionflags=doctest.ELLIPSIS)
sys.exit(failed > 0 or tried == 0)
"""


def blocks(page: Path) -> Iterator[tuple[int, str, bool]]:
    """Each Python block of a page: its first line, its code, and whether it runs."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        first = text.count("\n", 0, found.start("code"))
        yield first, textwrap.dedent(found["code"]), found["mark"].strip() != "no-run"


def program(page: Path) -> str:
    """The page as a program: its blocks on the lines they have in the page, all else left blank."""
    lines = [""] * len(page.read_text().splitlines())
    for first, code, runs in blocks(page):
        if runs:
            lines[first : first + code.count("\n")] = code.splitlines()
    return "\n".join(lines) + "\n"


def in_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Nothing configured, a folder for temporary files, and a server for the pages that name Redis."""
    source: Path = request.getfixturevalue("source")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CACHEKIT_", "REDIS_", "PYTEST_"))}
    if "redis" in source.read_text().lower():
        kept["REDIS_URL"] = request.getfixturevalue("redis").url
    return kept | {"TMPDIR": str(tmp_path)}


def run(arguments: list[str], folder: Path, environ: dict[str, str]) -> None:
    command = [sys.executable, "-W", "error", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode:
        pytest.fail(f"{ran.stdout}{ran.stderr}", pytrace=False)


@pytest.mark.parametrize("source", [page for page in PAGES if program(page).strip()], ids=in_page)
def test_a_page_runs(source: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """A page's examples run as one program, from its first to its last."""
    script = tmp_path / f"{source.stem.replace('-', '_').lower()}_page.py"
    script.write_text(program(source))
    run([script.name], tmp_path, environ)


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page))], ids=in_page)
def test_every_block_is_python(page: Path) -> None:
    """A block that says it is Python compiles, whether it is run or not."""
    for first, code, _ in blocks(page):
        compile("\n" * first + code, str(page), "exec")


@pytest.mark.parametrize("source", MODULES, ids=in_page)
def test_docstrings_hold(source: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """The examples of a module's docstrings give what they show."""
    module = ".".join(source.with_suffix("").parts[source.parts.index("src") + 1 :]).removesuffix(".__init__")
    run(["-c", DOCTEST, module], tmp_path, environ)


def test_the_docs_are_found() -> None:
    """There are pages and docstrings with examples: a pattern that finds nothing would pass all of the above."""
    assert len([page for page in PAGES if list(blocks(page))]) >= 5
    assert len(MODULES) >= 5
