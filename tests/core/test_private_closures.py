"""Closures over what no key can tell apart: their entries never mix, not with the next one's, not with another process's."""

from __future__ import annotations

import functools
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cachekit import _identity, cache
from cachekit.testing import MemoryBackend

pytest_plugins = ("ways",)
TESTS = Path(__file__).parents[1]


class Table:
    """A handle as clients give it: told from others by nothing but itself."""

    __slots__ = ("rows",)

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def find(self, key: Any) -> Any:
        return self.rows


def bare(table: Table) -> Any:
    return lambda key: table.find(key)


def in_a_container(table: Table) -> Any:
    held = {"tables": [table]}
    return lambda key: held["tables"][0].find(key)


def as_a_method(table: Table) -> Any:
    find = table.find
    return lambda key: find(key)


def in_a_partial(table: Table) -> Any:
    find = functools.partial(Table.find, table)
    return lambda key: find(key)


def in_a_closure(table: Table) -> Any:
    def find(key):
        return table.find(key)

    return lambda key: find(key)


def as_a_default(table: Table) -> Any:
    def find(key, table=table):
        return table.find(key)

    return lambda key: find(key)


class Service:
    """An object that makes its own cached functions."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.get = lambda key: self.table.find(key)


def in_an_object(table: Table) -> Any:
    return Service(table).get


KINDS = [bare, in_a_container, as_a_method, in_a_partial, in_a_closure, as_a_default, in_an_object]
BY_NAME = {kind.__name__: kind for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_the_next_closure_never_reads_the_last_ones_entries(way, kind):
    """Each is gone before the next is made, so that addresses repeat; what it stored lies in the backend still."""
    backend = MemoryBackend()
    keys = set()
    for rows in range(30):
        function = way.cached(kind(Table(rows)), backend=backend)
        assert function(1) == rows
        keys.add(function.key(1))
        del function
        gc.collect()
    assert len(keys) == 30


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_closures_that_live_side_by_side_never_mix(way, kind):
    """Thirty of one code over one backend, each with its own value, cold and cached."""
    backend = MemoryBackend()
    functions = [way.cached(kind(Table(rows)), backend=backend) for rows in range(30)]
    for _ in range(2):
        assert [function(1) for function in functions] == list(range(30))


PROGRAM = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("closures", sys.argv[1])
closures = importlib.util.module_from_spec(spec)
sys.modules["closures"] = closures
spec.loader.exec_module(closures)
from cachekit import cache
from cachekit.testing import MemoryBackend
def key(kind, **options):
    return cache(backend=MemoryBackend(), **options)(kind(closures.Table(1))).key(1)
print(json.dumps({kind.__name__: [key(kind), key(kind, version=1)] for kind in closures.KINDS}))
"""


def keys_of_another_process() -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([sys.executable, "-c", PROGRAM, __file__], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_another_process_has_keys_of_its_own_unless_vouched_for():
    """Two processes of one program over one backend: their handles may lead elsewhere; `version=` says that they do not."""
    one, other = keys_of_another_process(), keys_of_another_process()
    assert sorted(one) == sorted(other) == sorted(BY_NAME)
    for kind in one:
        assert one[kind][0] != other[kind][0]
        assert one[kind][1] == other[kind][1]


def test_a_vouched_version_shares_entries_and_another_does_not(way):
    """`version=` says that handles lead to the same data: what one stored the next one reads, and version 2 starts anew."""
    backend = MemoryBackend()
    first, second, anew = (
        way.cached(bare(Table(rows)), backend=backend, version=version) for rows, version in (("a", 1), ("b", 1), ("c", 2))
    )
    assert [first(1), second(1), anew(1)] == ["a", "a", "c"]


def test_one_function_decorated_twice_shares_its_entries():
    """It is the same function over the same objects, so the second decoration starts warm."""
    backend = MemoryBackend()
    function = bare(Table("rows"))
    first, second = cache(backend=backend)(function), cache(backend=backend)(function)
    assert first(1) == second(1) == "rows"
    assert second.cache_info().l2_hits == 1
    assert first.key(1) == second.key(1)


def test_two_functions_over_one_object_that_lives_share_their_entries():
    """A factory that is called twice with one client does not start cold."""
    backend, table = MemoryBackend(), Table("rows")
    first, second = (cache(backend=backend)(bare(table)) for _ in range(2))
    assert first(1) == second(1) == "rows"
    assert second.cache_info().l2_hits == 1


def test_what_is_said_names_no_content(caplog):
    """The variable is named and the way out; the object's own repr may hold a password and is not shown."""
    caplog.set_level("INFO", "cachekit")

    class Client:
        def __repr__(self):
            return "Client(password='hunter2')"

    client = Client()
    cached = cache(backend=MemoryBackend())(lambda key: id(client))
    cached(1)
    (said,) = [message for message in caplog.messages if "no key can tell apart" in message]
    for part in ("client", "argument", "version="):
        assert part in said
    assert "hunter2" not in caplog.text


class Numbered:
    """A key function of which no key can be made, and which gets the place in memory of the one before it."""

    def __init__(self, modulus):
        self.modulus = [modulus]

    def __call__(self, n):
        return n % self.modulus[0]


def _same(n):
    return n


def test_a_key_function_that_is_gone_leaves_its_entries_to_nobody(monkeypatch):
    """One function decorated again and again with other key objects: no two of them share entries, wherever they lie in memory."""
    monkeypatch.setattr(_identity, "id", lambda thing: 1 if type(thing) is Numbered else id(thing), raising=False)
    backend = MemoryBackend()
    made = []
    for modulus in range(2, 6):
        made.append(cache(backend=backend, key=Numbered(modulus))(_same).key(0))
        gc.collect()
    assert len(set(made)) == len(made)
