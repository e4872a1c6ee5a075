"""Classes of every kind that a function may be annotated with, and an instance of each that is hard to give back."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    ALSO_RED = "red"  # noqa: PIE796 - an alias
    BLUE = (1, 2)


class Size(enum.IntEnum):
    SMALL = 1


class Word(enum.StrEnum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


# -- dataclasses


@dataclasses.dataclass
class User:
    id: UserId
    name: str | None = None
    tags: set[str] = dataclasses.field(default_factory=set)
    friends: list[User] = dataclasses.field(default_factory=list)
    blob: bytearray = dataclasses.field(default_factory=bytearray)
    anything: Any = None
    KIND: ClassVar[str] = "user"

    @functools.cached_property
    def upper(self) -> str:
        return (self.name or "").upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Point:
    x: float
    y: Final[Decimal] = Decimal(1)  # type: ignore[misc]


@dataclasses.dataclass
class Counted:
    start: dataclasses.InitVar[int]
    total: int = dataclasses.field(init=False)
    never_set: int = dataclasses.field(init=False)

    def __post_init__(self, start: int) -> None:
        self.total = start * 2


@dataclasses.dataclass
class Page(Generic[T]):
    items: list[T]
    following: Page[T] | None = None


# -- pydantic


class Model(pydantic.BaseModel):
    id: Annotated[int, pydantic.Field(gt=0)]
    color: Color = Color.RED
    friends: list[Model] = []
    _secret: int = pydantic.PrivateAttr(default=7)

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return self.id * 2


class Loose(pydantic.BaseModel, extra="allow", frozen=True):
    a: int = 1


class Names(pydantic.RootModel[list[str]]):
    pass


class Batch(pydantic.BaseModel, Generic[T]):
    items: tuple[T, ...]


@pydantic.dataclasses.dataclass
class Checked:
    when: dt.datetime
    model: Model | None = None


# -- attrs


@attrs.frozen(cache_hash=True)
class Ticket:
    _code: str = attrs.field(validator=attrs.validators.instance_of(str))
    price: Decimal = Decimal(0)

    @functools.cached_property
    def label(self) -> str:
        return f"{self._code}:{self.price}"


@attrs.define(slots=False, unsafe_hash=True, cache_hash=True)
class Crate:
    content: dict[uuid.UUID, Ticket] | None = attrs.field(default=None, eq=False)


# -- msgspec


class Event(msgspec.Struct, frozen=True, tag="event", kw_only=True):
    name: str
    note: str | msgspec.UnsetType | None = msgspec.UNSET


class Reading(msgspec.Struct, array_like=True, gc=False):
    at: dt.date
    value: float = 0.0


class Normal(msgspec.Struct):
    items: list[int]

    def __post_init__(self) -> None:
        self.items.append(0)


# -- tuples and dicts


class Pair(NamedTuple):
    left: Point
    right: Optional[Pair] = None  # noqa: UP045


Row = collections.namedtuple("Row", "a b")


class Options(TypedDict, total=False):
    user: User
    mode: Literal["fast", "slow"]
    row: NotRequired[Row]


def _checked() -> Any:
    user = User(UserId(1), "ada", {"a"}, [User(UserId(2), blob=bytearray(b"x"))], anything=(User(UserId(3)),))
    assert user.upper == "ADA"
    return user


def _partly() -> Any:
    model = Model(id=3, friends=[Model(id=4, color="red")])
    model._secret = 9
    return model


VALUES: dict[str, tuple[Any, Callable[[], Any]]] = {
    "dataclass": (User, _checked),
    "frozen with slots": (Point, lambda: Point(x=1.5)),
    "init var, a field never set": (Counted, lambda: Counted(4)),
    "generic dataclass": (Page[User], lambda: Page[User]([_checked()], Page([]))),
    "pydantic dataclass": (Checked, lambda: Checked(dt.datetime(2020, 1, 1, tzinfo=dt.UTC), Model(id=5))),
    "pydantic": (Model, _partly),
    "pydantic, extra and frozen": (Loose, lambda: Loose(b=[1], c={"d": (1,)})),
    "pydantic, constructed": (Model, lambda: Model.model_construct(color="no color", _fields_set={"id"})),
    "pydantic root": (Names, lambda: Names(["a"])),
    "pydantic generic": (Batch[Model], lambda: Batch[Model](items=(Model(id=1),))),
    "pydantic generic, inferred": (Batch[Model], lambda: Batch(items=(Model(id=1),))),
    "attrs": (Ticket, lambda: Ticket("a", Decimal("1.50"))),
    "attrs with a dict": (Crate, lambda: Crate({uuid.UUID(int=1): Ticket("b")})),
    "struct": (Event, lambda: Event(name="e")),
    "struct, set to None": (Event, lambda: Event(name="e", note=None)),
    "struct as array": (Reading, lambda: Reading(dt.date(2020, 1, 2), 1.5)),
    "struct that changes itself": (Normal, lambda: Normal([1])),
    "named tuple": (Pair, lambda: Pair(Point(x=1.0), Pair(Point(x=2.0)))),
    "namedtuple": (Row, lambda: Row(1, [2])),
    "typed dict": (Options, lambda: {"user": _checked(), "row": Row(1, 2)}),
    "enum": (Color, lambda: Color.BLUE),
    "alias of a member": (Color, lambda: Color.ALSO_RED),
    "int enum": (list[Size], lambda: [Size.SMALL]),
    "str enum": (dict[Word, Color], lambda: {Word.YES: Color.RED}),
    "flags": (Access, lambda: Access.READ | Access.WRITE),
    "no flags": (Access, lambda: Access(0)),
    "optional": (User | None, _checked),
    "none": (User | None, lambda: None),
    "list": (list[User], lambda: [_checked(), User(UserId(2))]),
    "nested": (Mapping[str, Sequence[tuple[Point, Model] | None]], lambda: {"a": [(Point(x=0.0), _partly()), None]}),
    "in a set": (frozenset[Point], lambda: frozenset({Point(x=1.0), Point(x=2.0)})),
    "as a key": (dict[Point, Event], lambda: {Point(x=1.0): Event(name="f", note="n")}),
    "union": (list[Point | Model | Event | Pair], lambda: [Point(x=1.0), _partly(), Event(name="g"), Pair(Point(x=0.0))]),
    "annotated": (Annotated[list[Annotated[User, "m"]], "n"], lambda: [_checked()]),
}
"""What a function is annotated with, and how to make a value of it."""
