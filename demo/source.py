"""The work worth caching: parse a module, count what it defines and imports, measure each function."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypedDict

_NOT_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3", "__pycache__"})
_DECISIONS = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case, ast.Assert)


class Module(NamedTuple):
    """A source file as it is now: edited, it is another `Module`."""

    path: str
    modified_ns: int


class Measures(TypedDict):
    """What was counted in one module; *complexity* is cyclomatic, by function."""

    lines: int
    classes: int
    imports: tuple[str, ...]
    complexity: dict[str, int]


analysed: list[str] = []
"""A witness beside cachekit's own counts: each path that was really analysed in this process."""


def standard_library(most: int | None = None) -> list[Module]:
    """The modules of this Python's standard library, its tests aside.

    Parameters:
        most: take this many, evenly spread over the library; None takes all.
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(file for file in root.rglob("*.py") if not _NOT_THE_LIBRARY.intersection(file.relative_to(root).parts))
    count = len(files) if most is None else min(most, len(files))
    chosen = (files[i * len(files) // count] for i in range(count))
    return [Module(str(file), file.stat().st_mtime_ns) for file in chosen]


def analyse(path: str) -> Measures:
    """Read and parse the file at *path*, and measure it."""
    analysed.append(path)
    text = Path(path).read_bytes()
    tree = ast.parse(text, path)
    nodes = list(ast.walk(tree))
    return Measures(
        lines=text.count(b"\n"),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        imports=tuple(sorted({name for node in nodes for name in _imported(node)})),
        complexity=_complexity(tree),
    )


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")


def _complexity(tree: ast.Module) -> dict[str, int]:
    """One, and one more for each decision, of every function; a function within another has its own count."""
    found: dict[str, int] = {}
    left: list[tuple[ast.AST, str, str]] = [(tree, "", "")]  # a node, the name around it, the function it counts for
    while left:
        node, scope, function = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope = f"{scope}.{node.name}" if scope else node.name
            function = "" if isinstance(node, ast.ClassDef) else f"{scope}:{node.lineno}"
            if function:
                found[function] = 1
        elif function:
            found[function] += _decisions(node)
        left += ((child, scope, function) for child in ast.iter_child_nodes(node))
    return found


def _decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    conditions = len(node.ifs) if isinstance(node, ast.comprehension) else 0
    return isinstance(node, _DECISIONS) + conditions
