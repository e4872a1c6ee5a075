"""What a function says it returns is read wherever and however it is written, and judged when the decorator is applied."""

from __future__ import annotations

import abc
import asyncio
import collections
import datetime as dt
import enum
import functools
import io
import pathlib
import re
import subprocess
import sys
import textwrap
import threading
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Never, NewType, Optional, Protocol, Self, TypeVar, Union

import attrs
import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from cachekit import _annotations, _lossy
from cachekit.builtin.std import StdSerializer
from models import VALUES, Color, Page, User

if TYPE_CHECKING:
    from nowhere import Nothing  # type: ignore[import-not-found]


def plain() -> list[User]: ...  # type: ignore[empty-body]
def quoted() -> "dict[str, 'User']": ...  # type: ignore[empty-body] # noqa: UP037
def nothing(): ...  # type: ignore[no-untyped-def]
def none() -> None: ...
async def awaited() -> User: ...  # type: ignore[empty-body]
def of_parameters(a: Nothing, b: 1 / 0) -> int: ...  # type: ignore


@functools.wraps(plain)
def wrapper(*args: Any) -> Any: ...


@functools.wraps(plain)
def of_its_own() -> Any: ...


of_its_own.__annotations__ = {"return": "bytes"}


class Repository:
    def find(self) -> Optional[User]: ...  # noqa: UP045

    @classmethod
    def load(cls) -> Repository: ...  # type: ignore[empty-body]

    @staticmethod
    def count() -> int: ...  # type: ignore[empty-body]

    def __call__(self) -> set[int]: ...  # type: ignore[empty-body]


def closed_over() -> Callable[..., Any]:
    class Local:
        pass

    def function() -> list[Local]:
        return [Local()]

    return function


READ: dict[str, tuple[Callable[..., Any], Any]] = {
    "plain": (plain, list[User]),
    "quoted": (quoted, dict[str, User]),
    "none": (none, type(None)),
    "async": (awaited, User),
    "other parameters": (of_parameters, int),
    "wraps": (wrapper, list[User]),
    "a wrapper of its own": (of_its_own, bytes),
    "partial": (functools.partial(functools.partial(plain)), list[User]),
    "method": (Repository().find, Optional[User]),  # noqa: UP045
    "function of a method": (Repository.find, User | None),
    "classmethod": (Repository.load, Repository),
    "classmethod object": (Repository.__dict__["load"], Repository),
    "staticmethod object": (Repository.__dict__["count"], int),
    "callable object": (Repository(), set[int]),
    "nothing": (nothing, _annotations.NO_ANNOTATION),
    "lambda": (lambda: 1, _annotations.NO_ANNOTATION),
    "builtin": (len, _annotations.NO_ANNOTATION),
    "a class": (dict, _annotations.NO_ANNOTATION),
}


@pytest.mark.parametrize("case", READ)
def test_the_annotation_is_read(case: str) -> None:
    """Through decorators, partials and methods, as text or not."""
    function, annotation = READ[case]
    assert _annotations.returned(function) == annotation


def test_names_of_the_enclosing_function() -> None:
    """A class that the function closed over is found, though no module has it."""
    function = closed_over()
    assert typing.get_args(_annotations.returned(function)) == (type(function()[0]),)


def test_names_mean_what_they_mean_where_they_were_written() -> None:
    """A decorator of another module, whose names are others, changes nothing."""
    namespace: dict[str, Any] = {"functools": functools, "User": int, "__name__": "elsewhere"}
    exec(  # the wrapper's module has another User
        textwrap.dedent("""
            def decorate(function):
                @functools.wraps(function)
                def wrapper(*args):
                    return function(*args)
                return wrapper
        """),
        namespace,
    )

    def find() -> User: ...  # type: ignore[empty-body]

    assert _annotations.returned(namespace["decorate"](find)) is User


def test_what_cannot_be_evaluated_says_why() -> None:
    """And can be, once its names are there."""
    namespace: dict[str, Any] = {"__name__": "later"}
    exec("def find() -> 'list[Later]': ...\ndef fails() -> '1 / 0': ...", namespace)
    with pytest.raises(_annotations.Unresolved, match=r"^NameError: name 'Later' is not defined$"):
        _annotations.returned(namespace["find"])
    with pytest.raises(_annotations.Unresolved, match="ZeroDivisionError"):
        _annotations.returned(namespace["fails"])
    namespace["Later"] = int
    assert _annotations.returned(namespace["find"]) == list[int]


class Raising(type):
    def __getattr__(cls, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = type.__hash__


class Raises(metaclass=Raising):
    pass


class Unasked:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("outside of a request")


WEIRD = [5, [int, str], (int, str), {"a": int}, ..., 1.5, b"x", object(), print, re, TypeVar("T"), Callable, Union, Literal, "a b"]


@pytest.mark.parametrize("annotation", [*WEIRD, Raises, list[Raises], Unasked])
def test_no_annotation_does_harm(annotation: Any) -> None:
    """What means nothing is read, or is said to be unresolved; nothing else is raised over it, then or later."""

    def function() -> None: ...

    function.__annotations__["return"] = Unasked() if annotation is Unasked else annotation
    try:
        found = _annotations.returned(function)
    except _annotations.Unresolved:
        return
    assert len(_annotations.fingerprint(found)) in (0, 16)
    assert _lossy.lossy(found) is None or isinstance(_lossy.lossy(found), str)
    assert StdSerializer().for_annotation(found).dumps([1]) == StdSerializer().dumps([1])


# -- what cannot come back


class Shape(abc.ABC):
    pass


@dataclass
class Circle(Shape):
    radius: float


class Speaks(Protocol):
    def speak(self) -> str: ...


class Nowhere:
    pass


@dataclass
class Holder:
    lock: threading.RLock  # type: ignore[valid-type]


@dataclass
class Text(str):
    note: str


Loop = TypeVar("Loop", bound="Page[Loop]")
Identity = NewType("Identity", int)

LOSSY: dict[str, tuple[Any, str]] = {
    "iterator": (Iterator[int], "Iterator is used up.*return a list"),
    "generator": (Generator[int, None, None], "return a list"),
    "async iterator": (AsyncIterator[int], "return a list"),
    "awaitable": (Awaitable[int], "used up"),
    "task": (asyncio.Future[int], "used up"),
    "callable": (Callable[[int], str], "Callable is not a type"),
    "bare callable": (Callable, "Callable is not a type"),
    "file": (IO[str], "IO is not a type"),
    "bytes file": (io.BytesIO, "BytesIO is used up"),
    "lock": (threading.Lock, "allocate_lock|lock"),
    "module": (types.ModuleType, "module is not a type"),
    "a module": (typing, "typing is not a class"),
    "class": (type[User], "type is not a type"),
    "plain class": (Nowhere, "Nowhere is not a type that `std`"),
    "protocol": (Speaks, "Speaks is a protocol"),
    "base": (Shape, r"Shape does not say which.*`-> Circle`"),
    "counter": (collections.Counter[str], "Counter is not a type"),
    "exception": (ValueError, "ValueError is not a type"),
    "array": (np.ndarray, 'numpy; pass serializer="auto"'),
    "frame": (pd.DataFrame, 'pandas; pass serializer="auto"'),
    "polars": (pl.DataFrame, 'polars; pass serializer="auto"'),
    "arrow": (pa.Table, 'serializer="arrow"'),
    "in a container": (dict[str, list[Iterator[int]]], "Iterator"),
    "in a union": (int | Nowhere, "Nowhere"),
    "annotated": (Annotated[Nowhere, 1], "Nowhere"),
    "in a field": (list[Holder], r"^Holder.lock: "),
    "base in C": (Text, "Text derives from str"),
}


@pytest.mark.parametrize("case", LOSSY)
def test_what_can_never_come_back_is_told(case: str) -> None:
    """With the name of the class, and what to do."""
    annotation, text = LOSSY[case]
    reason = _lossy.lossy(annotation)
    assert reason is not None
    assert re.search(text, reason), reason


FINE: list[Any] = [
    *(annotation for annotation, _ in VALUES.values()),
    *(None, Any, object, int, list, dict, Sequence, Sequence[int], Iterable[str], Mapping[str, int], typing.Hashable, typing.Sized),
    *(pathlib.Path, dt.datetime, dt.tzinfo, typing.SupportsInt, Never, Self, Literal["a", Color.RED], Identity, Loop, Page, Page[Any]),
    *(pydantic.BaseModel, msgspec.Struct, NamedTuple, Final, Optional[int], tuple[()], tuple[int, ...], Shape | Circle),  # noqa: UP045
    *(_annotations.NO_ANNOTATION, enum.Enum, attrs.make_class("Made", ["x"])),
]


@pytest.mark.parametrize("annotation", FINE, ids=repr)
def test_what_may_come_back_is_not(annotation: Any) -> None:
    """Abstract containers, and whatever says nothing, among it."""
    assert _lossy.lossy(annotation) is None


def test_no_optional_library_is_imported() -> None:
    """Reading, judging and telling apart annotations imports none that was not."""
    program = """
        import sys
        from dataclasses import dataclass
        from typing import NamedTuple, TypedDict
        from cachekit import _annotations, _lossy
        from cachekit.builtin.std import StdSerializer
        @dataclass
        class A:
            a: "list[B]"
        class B(NamedTuple):
            b: "A | C"
        class C(TypedDict):
            c: int
        def f() -> A | B | C: ...
        annotation = _annotations.returned(f)
        assert _annotations.fingerprint(annotation) and _lossy.lossy(annotation) is None
        std = StdSerializer().for_annotation(annotation)
        value = A([B({"c": 1})])
        assert std.loads(std.dumps(value)) == value
        print([name for name in ("attr", "attrs", "pydantic", "msgspec", "numpy", "pandas", "polars", "pyarrow") if name in sys.modules])
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
