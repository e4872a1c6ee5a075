"""An entry of another schema: a miss, or what `migrate=` makes of its plain data."""

from __future__ import annotations

import enum
from dataclasses import dataclass, make_dataclass
from typing import Any, NamedTuple, TypedDict

import pytest

from cachekit import cache
from cachekit.errors import ConfigurationError
from forms import FiveVerbs, warnings_of

pytest_plugins = ("ways", "backends")


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


def user(**fields: type) -> Any:
    """The class `User` as one deploy has it."""
    return make_dataclass("User", fields.items(), namespace={"__module__": __name__})


Old = user(name=str, at=Point, colour=Colour)
New = user(name=str, age=int)
OLD = Old("Ada", Point(1, 2), Colour.RED)


class Now:
    """What the function of the last deploy returns: not closed over, which would tell the deploys' functions apart."""

    value: Any = None


def current(_: Any) -> Any:
    return Now.value


def deployed(way: Any, backend: Any, returns: Any, value: Any, **options: Any) -> Any:
    """The function as one deploy has it."""
    Now.value = value
    return way.cached(current, returns=returns, backend=backend, **options)


def test_an_entry_of_the_same_schema_is_a_hit(way, each_backend):
    """It gives back the class's instance, from every backend."""
    for misses in (1, 0):
        function = deployed(way, each_backend, list[Old], [OLD])
        assert function() == [OLD]
        assert type(function()[0]) is Old
        assert (function.info.misses, function.info.l2_hits) == (misses, 1 - misses)


@pytest.mark.parametrize("returns", [New, list[Old], Old | None, dict, Any], ids=["class", "list of it", "optional", "dict", "anything"])
def test_an_entry_of_another_schema_is_a_miss(way, returns):
    """A deploy that changes the class, or what the function returns, runs the function again."""
    backend = FiveVerbs()
    deployed(way, backend, Old, OLD)()
    function = deployed(way, backend, returns, None)
    assert function() is None
    assert function.info.unread == {"schema": 1}


def test_migrate_is_given_the_plain_data_once(way, each_backend):
    """A dict for each instance; what it makes of it is the value, and L1 keeps it."""
    deployed(way, each_backend, list[Old], [OLD])()
    given: list[Any] = []

    def migrate(plain: Any) -> Any:
        given.append(plain)
        return [New(each["name"], 36) for each in plain]

    function = deployed(way, each_backend, list[New], None, migrate=migrate)
    assert function() == function() == [New("Ada", 36)]
    assert (function.info.misses, function.info.l2_hits, function.info.l1_hits) == (0, 1, 1)
    assert len(given) == 1
    (plain,) = given[0]
    assert type(plain) is dict
    assert (plain["name"], plain["at"]) == ("Ada", {"x": 1, "y": 2})


Frozen = make_dataclass("Frozen", [("a", int)], frozen=True)
ONE, TWO = Frozen(1), Frozen(2)
UNHASHABLE = {
    "set": (set[Frozen], {ONE}, [{"a": 1}]),
    "frozenset": (frozenset[Frozen], frozenset({ONE}), [{"a": 1}]),
    "set of tuples": (set[tuple[Frozen, int]], {(ONE, 2)}, [({"a": 1}, 2)]),
    "set of sets": (set[frozenset[Frozen]], {frozenset({ONE})}, [[{"a": 1}]]),
    "keys": (dict[Frozen, str], {ONE: "x", TWO: "y"}, [[{"a": 1}, "x"], [{"a": 2}, "y"]]),
    "hashable": (dict[int, set[int] | Frozen], {1: {2}, 3: ONE}, {1: {2}, 3: {"a": 1}}),
}


@pytest.mark.parametrize("case", UNHASHABLE)
def test_migrate_is_given_what_cannot_be_hashed_in_lists(way, case):
    """A list for a set of instances, a list of pairs for a dict with such keys."""
    returns, value, plain = UNHASHABLE[case]
    backend, given = FiveVerbs(), []
    deployed(way, backend, returns, value)()
    function = deployed(way, backend, int, None, migrate=lambda data: given.append(data) or 1)
    assert function() == 1
    assert given == [plain]


def test_what_migrate_made_is_each_callers_own(way):
    """As any other value from the cache."""
    backend = FiveVerbs()
    deployed(way, backend, Old, OLD)()
    function = deployed(way, backend, New, None, migrate=lambda plain: New(plain["name"], 36))
    first = function()
    first.name = "changed"
    assert function() == New("Ada", 36)


def test_migrate_is_not_called_for_an_entry_of_this_schema(way):
    """Nor for a miss."""
    backend = FiveVerbs()

    def migrate(plain: Any) -> Any:
        raise AssertionError("called")

    for _ in range(2):
        function = deployed(way, backend, New, New("Ada", 1), migrate=migrate)
        assert function() == New("Ada", 1)
        assert function.info.unread == {}


class Unwritable:
    """What no serializer writes."""


@pytest.mark.parametrize("migrate", [lambda plain: plain["nosuch"], lambda plain: Unwritable()], ids=["raises", "returns no such value"])
def test_a_migrate_that_fails_is_a_miss(way, migrate, caplog):
    """The function runs, its value replaces the entry, and the log says so once."""
    backend = FiveVerbs()
    deployed(way, backend, Old, OLD)()
    function = deployed(way, backend, New, New("Ada", 2), migrate=migrate)
    assert function() == New("Ada", 2)
    assert function.info.unread == {"migrate": 1}
    (said,) = warnings_of(caplog)
    assert "migrate" in said
    assert deployed(way, backend, New, None)() == New("Ada", 2)


@pytest.mark.parametrize("serializer", ["std", "auto", "orjson", "msgspec"])
def test_a_changed_typed_dict_is_a_miss_whatever_the_serializer(way, serializer):
    """The fingerprint is the frame's; and migrate has the plain data."""
    before, after = (TypedDict("Row", fields) for fields in ({"a": int}, {"a": int, "b": str}))
    backend = FiveVerbs()
    deployed(way, backend, before, {"a": 1}, serializer=serializer)()
    migrating = deployed(way, backend, after, None, serializer=serializer, migrate=lambda plain: {**plain, "b": "x"}, l1_enabled=False)
    assert migrating() == {"a": 1, "b": "x"}
    function = deployed(way, backend, after, {"a": 2, "b": "y"}, serializer=serializer)
    assert function() == {"a": 2, "b": "y"}
    assert function.info.unread == {"schema": 1}


@dataclass
class Shape:
    sides: int


class Square(Shape):
    pass


def test_an_instance_that_the_annotation_does_not_name_is_not_cached(way, caplog):
    """A subclass is refused rather than flattened; the one warning names function, class and remedy."""
    backend = FiveVerbs()
    function = way.cached(lambda _: Square(4), returns=Shape, backend=backend)
    for _ in range(2):
        assert type(function()) is Square
    assert function.info.uncacheable == 2
    (said,) = warnings_of(caplog)
    assert "Square" in said
    assert function.function.__qualname__ in said


@pytest.mark.parametrize("given", [5, "name", [len]])
def test_a_migrate_that_is_no_function_is_refused(given):
    """When decorated."""
    with pytest.raises(ConfigurationError, match="migrate="):
        cache(migrate=given)


def test_a_migrate_that_is_a_coroutine_function_is_refused():
    """It is called in the middle of a read, sync or async."""

    async def migrate(plain: Any) -> Any:
        return plain

    with pytest.raises(ConfigurationError, match="plain function"):
        cache(migrate=migrate)


def test_a_migrate_that_is_called_as_a_coroutine_is_refused():
    """An object with `async def __call__` is no plain function either; a class that has one is."""

    class Migrate:
        async def __call__(self, plain: Any) -> Any:
            return plain

    with pytest.raises(ConfigurationError, match="plain function"):
        cache(migrate=Migrate())
    assert callable(cache(migrate=Migrate))
