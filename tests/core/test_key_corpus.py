"""No two arguments share an entry, and no two ways to write one call have two."""

from __future__ import annotations

import copy
import enum
import json
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

import corpus
from cachekit import cache
from cachekit.errors import CachekitError, UncacheableArgumentError
from cachekit.testing import MemoryBackend
from corpus import ARGUMENTS, REFUSED, exactly

pytest_plugins = ("ways",)
TESTS = Path(__file__).parents[1]


@pytest.fixture(params=["L1 only", "over a backend", "a backend without L1"])
def layers(request):
    """The options that put entries into L1, both layers, or the backend alone."""
    if request.param == "L1 only":
        return {"backend": None}
    return {"backend": MemoryBackend(), "l1_enabled": request.param != "a backend without L1"}


def test_the_corpus_itself_has_no_two_alike():
    """What these tests call different is different, and its texts say so."""
    texts = list(map(exactly, ARGUMENTS))
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_no_two_arguments_share_an_entry(way, layers, order):
    """Every argument of the corpus gets its own value, first and on the hit, with all others in the cache beside it."""
    function = way.cached(exactly, **layers)
    arguments = ARGUMENTS if order == "forwards" else ARGUMENTS[::-1]
    for argument in (*arguments, *arguments, *reversed(arguments)):
        assert function(argument) == exactly(argument)
    assert function.info.misses == len(arguments)
    assert function.info.uncacheable == 0


def test_no_two_arguments_share_a_key(way):
    """Every pair of the corpus has two keys, alone and inside each kind of container."""
    function = way.cached(exactly, backend=None)
    wraps = [lambda v: v, lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: [v, v], lambda v: corpus.Place(v, 1)]
    keys = {}
    for argument in ARGUMENTS:
        for number, wrap in enumerate(wraps):
            keys.setdefault(function.key(wrap(argument)), set()).add((number, exactly(wrap(argument))))
        if type(argument).__hash__ and not isinstance(argument, tuple | corpus.Place):
            for container in ({argument}, frozenset({argument}), {argument: 1}, [{argument: argument}]):
                keys.setdefault(function.key(container), set()).add(exactly(container))
    shared = [texts for texts in keys.values() if len({text if isinstance(text, str) else text[1] for text in texts}) > 1]
    assert shared == []


def test_keys_are_printable_and_short(way):
    """A key is at most 250 bytes of printable ASCII, however large its argument."""
    function = way.cached(exactly, backend=None, namespace="n" * 100)
    for argument in (*ARGUMENTS, "x" * 1_000_000, list(range(10_000))):
        key = function.key(argument)
        assert key.isascii() and key.isprintable() and " " not in key
        assert len(key) <= 250


@pytest.mark.parametrize("argument", REFUSED, ids=lambda value: type(value).__qualname__)
def test_what_has_no_stable_identity_is_refused(way, layers, argument):
    """The error names the argument and every remedy, and the function does not run."""
    runs = []
    function = way.cached(lambda value: runs.append(1), **layers)
    with pytest.raises(UncacheableArgumentError) as refusal:
        function(argument)
    for part in ("function()", "'value'", "ignore=", "key=", "__cache_key__"):
        assert part in str(refusal.value)
    assert runs == []


def test_a_refusal_shows_no_content_of_the_argument():
    """An object's repr may hold a password; the error names its type only."""

    class Connection:
        def __repr__(self):
            return "Connection(password='hunter2')"

    with pytest.raises(UncacheableArgumentError) as refusal:
        cache(backend=None)(exactly)([Connection()])
    assert "Connection" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


class Shade(enum.Enum):
    """Its members are equal to one another."""

    RED = 1
    CRIMSON = 2

    def __eq__(self, other):
        return isinstance(other, Shade)

    def __hash__(self):
        return 1


class Odd(enum.Enum):
    """Its members cannot be hashed."""

    ONE = 1
    TWO = 2

    def __eq__(self, other):
        return self is other


@dataclass
class Basket(list):
    """A dataclass that holds more than its fields."""

    owner: str = "me"


class Untold(tuple):
    """A tuple that names none of its items."""

    __slots__ = ()
    _fields = ()


def _with(value, **attributes):
    vars(value).update(attributes)
    return value


def _baskets():
    full = Basket()
    full.append(1)
    return Basket(), full


PRETENDERS = {
    "enum members that are equal": (Shade.RED, Shade.CRIMSON, lambda value: value.name),
    "enum members without a hash": (Odd.ONE, Odd.TWO, lambda value: value.name),
    "dataclasses that are also lists": (*_baskets(), len),
    "dataclasses with an attribute beside their fields": (
        corpus.Spot(1, 2),
        _with(corpus.Spot(1, 2), z=3),
        lambda value: vars(value).get("z"),
    ),
    "tuples whose fields are not all": (Untold((1,)), Untold((2,)), lambda value: value[0]),
}


@pytest.mark.parametrize("name", PRETENDERS)
def test_what_only_looks_equal_is_told_apart_or_refused(way, layers, name):
    """A type that says its values are equal, or shows less than it holds, does not make them one entry."""
    one, other, content = PRETENDERS[name]
    function = way.cached(content, **layers)
    for argument in (one, other, one, other):
        try:
            assert function(argument) == content(argument)
        except CachekitError as refusal:
            assert isinstance(refusal, UncacheableArgumentError)


def test_instances_of_a_class_and_of_its_successor_are_told_apart_or_refused(way, layers, monkeypatch):
    """A class that was defined anew, as by a reload, shares no entry with the one before."""
    module = types.ModuleType("reloaded")
    monkeypatch.setitem(sys.modules, "reloaded", module)
    source = "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n    x: int\n    def price(self): return {}"
    function = way.cached(lambda value: value.price(), **layers)
    exec(source.format(1), vars(module))
    before = module.C(1)
    assert function(before) == 1
    exec(source.format(2), vars(module))
    try:
        assert function(module.C(1)) == 2
    except UncacheableArgumentError:
        pass
    assert function(before) == 1


CHANGES = {
    "list": ([1, 2], lambda value: value.append(3)),
    "list in a list": ([[1]], lambda value: value[0].append(2)),
    "dict": ({"a": 1}, lambda value: value.update(a=2)),
    "dict in a tuple": (({"a": 1},), lambda value: value[0].update(a=2)),
    "set": ({1}, lambda value: value.add(2)),
    "bytearray": (bytearray(b"1"), lambda value: value.extend(b"2")),
    "dataclass": (corpus.Spot([1], 2), lambda value: value.x.append(2)),
    "a type changed in place": ([1], lambda value: value.__setitem__(0, True)),
    "own key": (corpus.Account([1]), lambda value: value.number.append(2)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_mutated_argument_never_hits(way, layers, name):
    """The same object with other content is another call."""
    original, change = CHANGES[name]
    argument = copy.deepcopy(original)
    function = way.cached(repr, **layers)
    assert function(argument) == repr(original)
    change(argument)
    assert function(argument) == repr(argument) != repr(original)
    assert function(copy.deepcopy(original)) == repr(original)
    assert function.info.misses == 2


def defaulted(a, b=2, *rest, c=3, **more):
    return (a, b, rest, c, sorted(more.items()))


async def adefaulted(a, b=2, *rest, c=3, **more):
    return (a, b, rest, c, sorted(more.items()))


FORMS = {
    "(1, 2, c=3)": [
        ((1,), {}),
        ((), {"a": 1}),
        ((1, 2), {}),
        ((1,), {"b": 2}),
        ((), {"b": 2, "a": 1}),
        ((1,), {"c": 3}),
        ((1, 2), {"c": 3}),
    ],
    "(1, 2, 5)": [((1, 2, 5), {}), ((1, 2, 5), {"c": 3})],
    "(1, 2, 5, 6)": [((1, 2, 5, 6), {})],
    "(1, 2, (5, 6))": [((1, 2, (5, 6)), {})],
    "(1, 2, d=4, e=5)": [((1,), {"d": 4, "e": 5}), ((1,), {"e": 5, "d": 4}), ((), {"e": 5, "b": 2, "d": 4, "a": 1})],
    "(1, 2, d=5, e=4)": [((1,), {"d": 5, "e": 4})],
    "(2, 1)": [((2, 1), {}), ((), {"a": 2, "b": 1}), ((), {"b": 1, "a": 2})],
    "(1, 2, more=())": [((1,), {"more": ()})],
    "(1, 2, rest=())": [((1,), {"rest": ()})],
    "(1, True)": [((1, True), {}), ((), {"b": True, "a": 1})],
}


@pytest.mark.parametrize("body", [defaulted, adefaulted], ids=["sync", "async"])
def test_equal_call_forms_are_one_entry(layers, body):
    """Positions, keywords, their order and defaults do not matter; what the function receives does."""
    import asyncio

    function = cache(**layers)(body)
    with asyncio.Runner() as runner:

        def call(args, kwargs):
            value = function(*args, **kwargs)
            return runner.run(value) if body is adefaulted else value

        for form, calls in enumerate(FORMS.values(), start=1):
            for args, kwargs in calls:
                assert exactly(call(args, kwargs)) == exactly(defaulted(*args, **kwargs))
            assert len({function.key(*args, **kwargs) for args, kwargs in calls}) == 1
            assert function.cache_info().misses == form


def test_a_call_that_does_not_fit_raises_what_python_raises(way, layers):
    """A wrong call is the caller's `TypeError`, naming his function."""
    function = way.cached(exactly, **layers)
    for args, kwargs in (((1, 2), {}), ((1,), {"value": 2}), ((), {"wrong": 1})):
        with pytest.raises(TypeError, match="function"):
            function(*args, **kwargs)


PROGRAM = """
import json, corpus
from cachekit import cache
identified = cache(backend=None)(corpus.identified)
closing = cache(backend=None)(corpus.closing())
print(json.dumps([identified.key(value) for value in corpus.ARGUMENTS] + [closing.key(1)]))
"""


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_keys_are_the_same_in_every_process(seed):
    """Another process, with another order of sets and another hash of texts, makes the same keys."""
    identified, closing = cache(backend=None)(corpus.identified), cache(backend=None)(corpus.closing())
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [*map(identified.key, ARGUMENTS), closing.key(1)]
