"""A value and its next hit are equal in type and `repr`, from every layer, and nobody's changes are anybody else's."""

from __future__ import annotations

import copy
import logging
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachekit import cache
from cachekit.testing import MemoryBackend
from corpus import CET, NOON, PYTHON_ONLY, STORABLE, deep, exactly
from nested import VALUES

pytest_plugins = ("ways", "backends")


def returning(way, values, **options):
    """A cached function of a number that returns that one of *values*, made anew at each run."""
    # Behind a function: what is closed over is part of the identity, and some values have none.
    return way.cached(lambda number: copy.deepcopy(values[number]), **options)


def assert_same(hit, value):
    assert type(hit) is type(value)
    assert exactly(hit) == exactly(value)
    if "{" not in repr(value):  # the order within a set is nobody's promise
        assert repr(hit) == repr(value)


def test_a_value_comes_back_from_memory_as_it_was(way):
    """Every value of the corpus and every Python object that can be copied, with `backend=None`, from the second call on."""
    values = [*STORABLE, *PYTHON_ONLY]
    function = returning(way, values, backend=None)
    for _ in range(3):
        for number, value in enumerate(values):
            assert_same(function(number), value)
    assert (function.info.misses, function.info.l1_hits, function.info.uncacheable) == (len(values), 2 * len(values), 0)


def test_a_value_comes_back_from_every_layer_as_it_was(way, each_backend):
    """From the function, from memory, from the backend, from memory filled by the backend, and from the backend alone."""
    function = returning(way, STORABLE, backend=each_backend)
    bare = returning(way, STORABLE, backend=each_backend, l1_enabled=False, version=2)
    for number, value in enumerate(STORABLE):
        for _ in range(2):
            assert_same(function(number), value)
            assert_same(bare(number), value)
    cache.clear_l1()
    for number, value in enumerate(STORABLE):
        for _ in range(2):
            assert_same(function(number), value)
    many = len(STORABLE)
    assert (function.info.misses, function.info.l1_hits, function.info.l2_hits) == (many, 2 * many, many)
    assert (bare.info.misses, bare.info.l2_hits) == (many, many)
    assert function.info.unread == bare.info.unread == {}
    assert function.info.backend_errors == bare.info.backend_errors == 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_nested_values_come_back_as_they_were(each_backend, values):
    """Whatever nests in whatever, over L1 and over each backend."""

    def returned(number):
        return values[number]

    for options in ({"backend": None}, {"backend": each_backend}, {"backend": each_backend, "l1_enabled": False}):
        function = cache(version=exactly(values), **options)(returned)
        for number, value in [*enumerate(values)] * 2:
            assert exactly(function(number)) == exactly(value)


ENCODABLE = {exactly(value) for value in (deep(400), NOON.replace(tzinfo=CET))}
UNENCODABLE = [value for value in PYTHON_ONLY if exactly(value) not in ENCODABLE]


def test_what_a_backend_cannot_give_back_as_it_was_is_returned_uncached(way, each_backend, caplog):
    """The function's own value each time, counted, with one warning a type that names it and says what to do."""
    for number, value in enumerate(UNENCODABLE):
        function = returning(way, UNENCODABLE, backend=each_backend, version=number)
        caplog.clear()
        for _ in range(3):
            assert_same(function(number), value)
        assert (function.info.misses, function.info.uncacheable, function.info.hits) == (3, 3, 0)
        warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1
        assert type(value).__qualname__ in warnings[0] and "not cached" in warnings[0] and "function" in warnings[0]


def lock_in(wrap):
    return lambda number: wrap(threading.Lock())


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"a": (v,)}, lambda v: iter([v]), lambda v: (x for x in [v])])
def test_what_can_be_neither_encoded_nor_copied_is_returned_uncached(way, caplog, wrap):
    """A lock, a generator, and what holds one: the function's own each time, with one warning, over L1 only and over a backend."""
    for backend in (None, MemoryBackend()):
        function = way.cached(lock_in(wrap), backend=backend)
        caplog.clear()
        first, second = function(1), function(1)
        assert type(first) is type(second)
        assert first is not second
        assert (function.info.misses, function.info.uncacheable) == (2, 2)
        assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_sentinel_is_itself_on_a_hit_or_uncached(way):
    """A bare `object()` is nothing but its identity, so that a copy of it is another value."""
    missing = object()
    for value in (missing, [missing]):
        function = way.cached(lambda number: value, backend=None, version=type(value).__name__)
        assert repr(function(0)) == repr(function(0)) == repr(value)


def changed(value):
    """Change *value*, and everything in it, in place; True if there was anything to change."""
    inner = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list | tuple) else []
    inner += list(vars(value).values()) if hasattr(value, "__dict__") and not isinstance(value, type) else []
    below = [changed(item) for item in inner]
    if isinstance(value, list):
        value.append("changed")
    elif isinstance(value, dict):
        value["changed"] = "changed"
        value.pop(next(iter(value)), None)
    elif isinstance(value, set):
        value.add("changed")
    elif isinstance(value, bytearray):
        value.extend(b"changed")
    elif hasattr(value, "__dict__") and hasattr(value, "value"):
        value.value = "changed"
    else:
        return any(below)
    return True


MUTABLE = [
    *([], [1], {}, {"a": 1}, {1: 2}, set(), {1}, bytearray(), bytearray(b"1")),
    *([[1]], ([1],), {"a": [1]}, {"a": {"b": {1}}}, {1: [bytearray(b"1")]}, [{}], [[], []], (({1},),), [None, ["x" * 1000]], {"a": ({},)}),
]


def assert_never_aliased(function, value, clear=lambda: None):
    """Changing what a call returned changes no later one."""
    for _ in range(3):
        for _ in range(2):
            returned = function(0)
            assert exactly(returned) == exactly(value)
            assert changed(returned)
        clear()


@pytest.mark.parametrize("value", MUTABLE, ids=exactly)
def test_changing_a_returned_value_changes_no_later_hit(way, value):
    """Neither the first caller's, nor a hit's, in memory."""
    function = returning(way, [value], backend=None)
    assert_never_aliased(function, value)
    assert function.info.misses == 1


def test_changing_a_returned_object_changes_no_later_hit(way):
    """Objects of Python's and of a user's own, which only memory keeps."""
    some = [value for value in PYTHON_ONLY if changed(copy.deepcopy(value))]
    assert len(some) > 8
    for value in some:
        function = returning(way, [value], backend=None)
        assert_never_aliased(function, value)
        assert function.info.misses == 1


def test_changing_a_returned_value_changes_no_later_hit_over_a_backend(way, each_backend):
    """Nor what is in the backend, nor what was filled from there."""
    for number, value in enumerate(MUTABLE):
        function = returning(way, [value], backend=each_backend, version=number)
        assert_never_aliased(function, value, clear=cache.clear_l1)
        assert (function.info.misses, function.info.l2_hits) == (1, 2)


def test_changing_what_the_function_kept_changes_no_later_hit(way, each_backend):
    """The function may go on changing the object that it returned."""
    kept = {}

    def body(number):
        return kept.setdefault(number, [[1], {"a": {1}}])

    for backend in (None, each_backend):
        kept.clear()
        function = way.cached(body, backend=backend)
        function(0)
        changed(kept[0])
        assert exactly(function(0)) == exactly([[1], {"a": {1}}])
        assert function.info.misses == 1


def test_none_and_false_values_are_hits(way, each_backend):
    """Absence is told from a value that says nothing."""
    nothings = [None, False, 0, 0.0, "", b"", [], {}, (), set()]
    function = returning(way, nothings, backend=each_backend)
    for _ in range(2):
        for number, value in enumerate(nothings):
            assert_same(function(number), value)
        cache.clear_l1()
    assert (function.info.misses, function.info.l2_hits) == (len(nothings), len(nothings))
