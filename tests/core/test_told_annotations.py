"""A serializer that cannot serve a return annotation says so when the function is decorated, whichever serializer it is."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cachekit import cache
from cachekit.builtin.std import StdSerializer
from cachekit.errors import ConfigurationError
from cachekit.serializers import ArrowSerializer, AutoSerializer, MsgspecSerializer, OrjsonSerializer
from forms import FiveVerbs, warnings_of
from models import Color, Page, User


class Row(TypedDict):
    when: dt.date


@dataclasses.dataclass
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


@dataclasses.dataclass
class Square(Shape):
    def area(self) -> float:
        return 1.0


@dataclasses.dataclass
class Holder:
    shape: Shape


def decorated(annotation: Any, **options: Any) -> Any:
    """A function that says it returns *annotation*, and returns 1."""

    def function(n: int) -> Any:
        return 1

    function.__annotations__ = {"return": annotation}
    return cache(backend=FiveVerbs(), **options)(function)


BY_NAME_AND_OBJECT = {
    "std": StdSerializer,
    "auto": AutoSerializer,
    "orjson": OrjsonSerializer,
    "arrow": ArrowSerializer,
    "msgspec": MsgspecSerializer,
}


class Opaque:
    """Nothing that any serializer knows."""


TOLD: list[tuple[str, Any, str]] = [
    ("std", Iterator[int], "return a list"),
    ("std", pd.DataFrame, 'serializer="auto"'),
    ("std", Shape, r"Shape is abstract.*`-> Square`"),
    ("std", list[Holder], r"Holder.shape: Shape is abstract"),
    ("auto", Opaque, "Opaque is not a type"),
    ("orjson", tuple[int, ...], r"tuple has no form in JSON.*`std`"),
    ("orjson", list[set[int]], "set has no form"),
    ("orjson", dict[int, str], "a dict key of type int"),
    ("orjson", User | None, "User has no form"),
    ("orjson", Row, "Row.when: date has no form"),
    ("orjson", Color, "Color has no form"),
    ("arrow", dict[str, int], r"dict is not a table.*serializer='auto'"),
    ("arrow", User | None, "User | NoneType is not a table"),
    ("arrow", pl.LazyFrame, "LazyFrame is not a table"),
]


@pytest.mark.parametrize("as_object", [False, True], ids=["by name", "by object"])
@pytest.mark.parametrize(("name", "annotation", "text"), TOLD, ids=lambda given: str(given)[:30])
def test_an_annotation_that_cannot_come_back_is_told(as_object: bool, name: str, annotation: Any, text: str, caplog: Any) -> None:
    """In one line, before any call; the function works all the same."""
    function = decorated(annotation, serializer=BY_NAME_AND_OBJECT[name]() if as_object else name)
    (said,) = warnings_of(caplog)
    assert all(part in said for part in text.replace("\\", "").split(".*"))
    assert said.endswith("its values are not cached")
    assert function(1) == 1


FINE: list[tuple[str, Any]] = [
    ("std", Shape | Square),
    ("auto", dict[str, pd.DataFrame]),
    ("orjson", dict[str, list[int | None]] | float | str),
    ("orjson", Mapping[str, Sequence[Any]]),
    ("arrow", pd.DataFrame | None),
    ("arrow", pa.Table),
    ("arrow", Any),
    ("msgspec", User),
    ("msgspec", list["NotThereYet"]),  # type: ignore[name-defined] # noqa: F821
    ("pickle-like", Iterator[int]),
]


@pytest.mark.parametrize(("name", "annotation"), FINE, ids=str)
def test_an_annotation_that_may_come_back_is_not(name: str, annotation: Any, caplog: Any) -> None:
    """Nor is any of a serializer that does not judge."""
    given = Foreign(lambda _: Foreign()) if name == "pickle-like" else name
    decorated(annotation, serializer=given)
    if name in BY_NAME_AND_OBJECT:
        decorated(annotation, serializer=BY_NAME_AND_OBJECT[name]())
    assert warnings_of(caplog) == []


def test_without_a_backend_nothing_is_told(caplog: Any) -> None:
    """Memory keeps every type."""

    @cache(backend=None)
    def function() -> Iterator[int]:
        return iter(())

    assert warnings_of(caplog) == []
    assert callable(function)


@pytest.mark.parametrize("annotation", [complex, range, Callable[[int], int], list[int] | set[int]], ids=str)
@pytest.mark.parametrize("as_object", [False, True], ids=["by name", "by object"])
def test_what_msgspec_cannot_make_is_an_error_when_decorated(annotation: Any, as_object: bool) -> None:
    """Not at the first call."""
    with pytest.raises(ConfigurationError, match="serializer='msgspec' cannot serve this return annotation"):
        decorated(annotation, serializer=MsgspecSerializer() if as_object else "msgspec")


# -- serializers of others


class Foreign:
    """Anybody's serializer."""

    def __init__(self, for_annotation: Callable[[Any], Any] | None = None, lossy: Callable[[Any], Any] | None = None) -> None:
        self.name = "foreign"
        if for_annotation is not None:
            self.for_annotation = for_annotation
        if lossy is not None:
            self.lossy = lossy

    def dumps(self, value: Any) -> bytes:
        return b"1"

    def loads(self, data: bytes) -> Any:
        return 1


def test_a_serializer_of_others_is_asked_too(caplog: Any) -> None:
    """By the method `lossy`, with the annotation evaluated."""
    decorated("int", serializer=Foreign(lossy=lambda annotation: f"no {annotation.__name__} comes back"))
    (said,) = warnings_of(caplog)
    assert "no int comes back; with a backend" in said


def raises(annotation: Any) -> Any:
    raise RuntimeError("a secret")


def test_a_judge_that_raises_is_named() -> None:
    """A `ConfigurationError` when decorated."""
    with pytest.raises(ConfigurationError, match=r"serializer 'foreign': its lossy raised RuntimeError"):
        decorated(int, serializer=Foreign(lossy=raises))


class Renamed(Foreign):
    def __init__(self) -> None:
        super().__init__()
        self.name = "another"


BROKEN = {"raises": raises, "returns None": lambda _: None, "returns a number": lambda _: 5, "of another name": lambda _: Renamed()}


@pytest.mark.parametrize("case", BROKEN)
def test_a_for_annotation_that_is_broken_is_named(case: str) -> None:
    """A `ConfigurationError` at each call, and never the error of another."""
    function = decorated(int, serializer=Foreign(BROKEN[case]))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"serializer 'foreign': its for_annotation (raised RuntimeError|returned a)") as error:
            function(1)
        assert "secret" not in str(error.value)


@pytest.mark.parametrize("base", [StdSerializer, AutoSerializer])
def test_a_subclass_with_a_constructor_of_its_own_heeds_annotations(base: Any) -> None:
    """It keeps what it was made with, and its limits."""

    class Own(base):  # type: ignore[misc]
        name = "own"

        def __init__(self, level: int) -> None:
            super().__init__(max_bytes=10_000)
            self.level = level

    made = Own(3).for_annotation(Page[User])
    assert (type(made), made.level, made.name) == (Own, 3, "own")
    assert made.loads(made.dumps(Page([1]))) == Page([1])
    with pytest.raises(Exception, match="bytes"):
        made.dumps("x" * 20_000)
    assert base().loads(base().dumps([1])) == [1]
