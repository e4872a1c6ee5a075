"""The rules of the house, read from the source: which room may know which, and how large each may grow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "packages" / "cachekit-core" / "src" / "cachekit"
SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py"))

# From the foundations up. A module imports from the rows above its own, at any time and for any purpose.
LAYERS = """
    errors contracts _fork _proposed _report _writes _pending _shapes config.settings builtin.tags builtin.extension builtin._exactly \
        builtin._flags builtin._structs
    hookspecs _scopes config.groups config.loading _names _ttl _chunks _store builtin._budget builtin._flatbuffer builtin._gathered \
        builtin._level \
        builtin._msgspec_types builtin._optional builtin._unfolding
    config signatures _frame _isolation _keys _schemas builtin builtin.none builtin.reading builtin.writing builtin.pickled builtin.zstd \
        builtin.gzipped builtin.lz4_frame builtin.typed_msgpack builtin._arrays builtin._flat
    presets _memory _flight _walking builtin._instances builtin._columns builtin._ipc builtin._polars
    _binding _identity _effects _annotations builtin.typed builtin._pandas
    _lossy builtin._frames
    builtin.std builtin.arrow builtin.plain_json
    builtin.auto
    builtin.plugin serializers compressors
    _plugins
    _making
    _codec _resolve
    _encoding
    _options _site
    _l2
    _flow
    _changes
    _calls
    _methods
    decorator
    cachekit
"""
LAYER = {module: row for row, modules in enumerate(LAYERS.split("\n")) for module in modules.split()}

PUBLIC = {f"cachekit{room}" for room in ("", ".compressors", ".config", ".contracts", ".errors", ".hookspecs", ".serializers", ".testing")}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def dotted(path: Path) -> str:
    """A module's name, as it is imported."""
    parts = path.relative_to(next(parent for parent in path.parents if parent.name == "src")).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that *path* imports, wherever in it, by its full name, and the line."""
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    modules = {dotted(source) for source in SOURCES}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                yield (full if (full := f"{module}.{alias.name}") in modules else module), node.lineno


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_every_room_has_a_place() -> None:
    """The table of layers names each module of core, and no module that is gone; `cachekit.testing` is outside of it."""
    rooms = {dotted(path).removeprefix("cachekit.") for path in CORE.rglob("*.py")}
    assert {room for room in rooms if not room.startswith("testing")} == set(LAYER)


def test_imports_run_one_way() -> None:
    """A module of core imports only from the layers beneath its own."""
    wrong = [
        f"{at(path, line)} imports {target}"
        for path in CORE.rglob("*.py")
        for target, line in imported(path)
        if target.split(".")[0] == "cachekit" and "testing" not in dotted(path)
        if LAYER.get(target.removeprefix("cachekit."), 99) >= LAYER[dotted(path).removeprefix("cachekit.")]
    ]
    assert wrong == []


def test_plugins_import_public_modules() -> None:
    """A backend distribution knows of core what any third party may know; the suite also how core serves coroutines."""
    outside = [path for path in SOURCES if CORE not in path.parents or "testing" in path.parts]
    wrong = [
        f"{at(path, line)} imports {target}"
        for path in outside
        for target, line in imported(path)
        if target.split(".")[0] == "cachekit" and target not in PUBLIC and not target.startswith("cachekit.testing.")
        if not (target == "cachekit._store" and path.name == "_driving.py")
    ]
    assert wrong == []


def test_core_names_no_backend() -> None:
    """Core says a backend's name only in the table of install lines, and imports none; the conformance suite may speak of them."""
    named = re.compile(r"\b(redis|valkey|memcached?|cachekit[-_](redis|memcached|file|io))\b", re.IGNORECASE)
    wrong = []
    for path in (path for path in CORE.rglob("*.py") if "testing" not in path.parts):
        tree = parsed(path)
        excused = {id(node) for statement in tree.body if is_install_table(statement) for node in ast.walk(statement)}
        excused |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        wrong += [
            f"{at(path, node.lineno)} says {node.value!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in excused and named.search(node.value)
        ]
        wrong += [f"{at(path, line)} imports {target}" for target, line in imported(path) if named.search(target)]
    assert wrong == []


def is_install_table(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and statement.targets[0].id == "OUR_BACKENDS"


def test_rooms_stay_small() -> None:
    """No module has more than 300 lines, and no function more than 40 beside its docstring."""
    wrong = [f"{path.relative_to(ROOT)} has {count} lines" for path in SOURCES if (count := len(path.read_text().splitlines())) > 300]
    for path in SOURCES:
        functions = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        wrong += [f"{at(path, node.lineno)} {node.name} has {length(node)} lines" for node in functions if length(node) > 40]
    assert wrong == []


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_broad_handlers_give_a_reason() -> None:
    """What catches every exception and does not raise says why, on its line or on the one above or below."""
    wrong = []
    for path in SOURCES:
        lines = path.read_text().splitlines()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler) and is_broad(node) and not isinstance(node.body[-1], ast.Raise):
                around = lines[node.lineno - 2 : node.lineno + 1]
                if not any(reason(line) for line in (around[1], *(line for line in around if line.lstrip().startswith("#")))):
                    wrong.append(at(path, node.lineno))
    assert wrong == []


def is_broad(handler: ast.ExceptHandler) -> bool:
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"BaseException"}
    return bool(names & {"Exception", "BaseException"})


def reason(line: str) -> str:
    """The words of a line's comment; marks for tools are no words."""
    comment = re.sub(r"(noqa|type): ?[\w\[\], -]*?( - |$|#)", "", line.partition("#")[2])
    return comment.strip(" #-")


@pytest.mark.parametrize("name", ["sync_wrapper", "async_wrapper", "SyncVerbs", "AsyncVerbs"])
def test_the_function_is_called_in_one_place(name: str) -> None:
    """The user's function is called once in each wrapper and once in each `refresh`."""
    (scope,) = (node for node in parsed(CORE / "_calls.py").body if getattr(node, "name", "") == name)
    assert len(list(calls_of_function(scope))) == 1


def test_the_function_is_called_nowhere_else() -> None:
    """No module but `_calls.py` calls the user's function, so its traceback has one frame of ours."""
    wrong = [at(path, call.lineno) for path in CORE.rglob("*.py") if path.name != "_calls.py" for call in calls_of_function(parsed(path))]
    assert wrong == []


def calls_of_function(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if (isinstance(called, ast.Name) and called.id == "function") or (isinstance(called, ast.Attribute) and called.attr == "function"):
            assert isinstance(node, ast.Call)
            # A hook implementation is called by the same word, and is not the user's.
            if not (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "implementation"):
                yield node


HOOKS = [node.name for node in parsed(CORE / "hookspecs.py").body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_and_a_page(hook: str) -> None:
    """Each hook is named in a test beside this one, and in a page of the docs."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__) and hook in path.read_text()]
    pages = [path for path in (ROOT / "docs").rglob("*.md") if hook in path.read_text()]
    assert tests
    assert pages
