"""A function annotated with a class gives back instances of it, with all they held; and no bytes make anything else."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from cachekit.builtin import tags
from cachekit.builtin.std import StdSerializer
from cachekit.builtin.typed import extension_for
from cachekit.errors import DecodeError, SerializationError
from models import VALUES, Event, Model, Normal, Pair, Point, Row, Ticket, User

T = TypeVar("T")
MARK = bytes([0xC7, 0, tags.TYPED])


def std(annotation: Any) -> StdSerializer:
    return StdSerializer().for_annotation(annotation)


def through(annotation: Any, value: Any) -> Any:
    serializer = std(annotation)
    return serializer.loads(serializer.dumps(value))


def state(value: Any) -> Any:
    """All that *value* holds, in plain words, with the classes themselves."""
    cls = type(value)
    if isinstance(value, pydantic.BaseModel):
        return cls, state({**value.__getstate__(), "__pydantic_fields_set__": sorted(value.model_fields_set)})
    for names in ("__dataclass_fields__", "__struct_fields__"):
        if hasattr(cls, names):
            return cls, [(name, state(getattr(value, name, "(not set)"))) for name in getattr(cls, names) if name != "KIND"]
    if attrs.has(cls):
        return cls, [(field.name, state(getattr(value, field.name, "(not set)"))) for field in attrs.fields(cls)]
    if isinstance(value, dict):
        return cls, [(state(key), state(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return cls, [state(item) for item in value]
    return (cls, sorted(repr(state(item)) for item in value)) if isinstance(value, set | frozenset) else (cls, repr(value))


@pytest.mark.parametrize("case", VALUES)
def test_a_value_comes_back_as_it_was(case: str) -> None:
    """Every kind of class: its fields, its private, extra, unset and never set ones, at any nesting, of the very same class."""
    annotation, make = VALUES[case]
    assert state(through(annotation, make())) == state(make())


@pytest.mark.parametrize("case", VALUES)
def test_what_comes_back_works(case: str) -> None:
    """It compares, hashes and shows itself as any instance."""
    annotation, make = VALUES[case]
    if case in ("init var, a field never set", "pydantic, constructed"):
        assert state(through(annotation, make())) == state(make())
        return
    back = through(annotation, make())
    assert back == make()
    with contextlib.suppress(TypeError):  # what holds a list has no hash
        assert hash(make()) == hash(back)
    if not isinstance(back, frozenset):
        assert repr(back) == repr(make())


@dataclasses.dataclass
class Alone:
    a: int


@pytest.mark.parametrize("case", [case for case in VALUES if case not in ("none", "int enum", "str enum")])
def test_who_does_not_name_the_class_gets_no_instance(case: str) -> None:
    """For another annotation, and for none, its bytes are a miss."""
    annotation, make = VALUES[case]
    data = std(annotation).dumps(make())
    for serializer in (std(Alone), StdSerializer()):
        if MARK in data:
            with pytest.raises(DecodeError):
                serializer.loads(data)
        else:  # std knows the enums of modules by itself
            assert state(serializer.loads(data)) == state(make())


def test_nothing_of_the_class_runs() -> None:
    """Neither its __init__, __post_init__, validators, properties nor __setattr__, in either direction."""
    ran: list[str] = []

    def run(self: Any, *args: Any) -> None:
        ran.append(type(self).__name__)

    @dataclasses.dataclass(init=False)
    class Data:
        a: int
        __init__ = __setattr__ = __getattribute__ = __getstate__ = __setstate__ = run  # type: ignore[assignment]
        __new__ = staticmethod(lambda cls: object.__new__(cls))  # type: ignore[assignment]

    class Validated(pydantic.BaseModel):
        a: int

        @pydantic.model_validator(mode="after")
        def check(self) -> Validated:
            run(self)
            return self

        def model_post_init(self, context: Any) -> None:
            run(self)

    @attrs.define
    class Attrs:
        a: int = attrs.field(validator=run)

    class Struct(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            run(self)

    data = Data()
    object.__getattribute__(data, "__dict__")["a"] = 1
    values = [data, Validated(a=1), Attrs(1), Struct(1)]
    ran.clear()
    back = through(Data | Validated | Attrs | Struct, values)
    assert ran == []
    assert [type(value) for value in back] == [Data, Validated, Attrs, Struct]


def test_a_struct_whose_subclasses_are_watched() -> None:
    """It is made by its constructor, and has the values that were stored nonetheless; nobody sees a class that is not his."""
    seen: list[str] = []

    class Watched(msgspec.Struct):
        a: int

        def __init_subclass__(cls, **kwargs: Any) -> None:
            seen.append(cls.__name__)

        def __post_init__(self) -> None:
            self.a += 1

    assert through(Watched, Watched(1)).a == 2
    assert seen == []


def test_no_two_calls_share_an_instance() -> None:
    """What comes back is new each time, with its containers."""
    serializer = std(User)
    data = serializer.dumps(User(1))  # type: ignore[arg-type]
    first, second = serializer.loads(data), serializer.loads(data)
    first.tags.add("x")
    assert second.tags == set()


# -- what is refused


@dataclasses.dataclass
class Admin(User):
    level: int = 1


class SubPair(Pair):
    pass


@dataclasses.dataclass
class Text(str):
    note: str = ""


class SubModel(Model):
    pass


def _with_more(value: Any) -> Any:
    value.more = 1
    return value


def _without(value: Any, field: str) -> Any:
    delattr(value, field)
    return value


def _cyclic() -> User:
    user = User(1)  # type: ignore[arg-type]
    user.friends.append(user)
    return user


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "a subclass": (User, lambda: Admin(1), r"a Admin, .*`-> User \| Admin`"),  # type: ignore[arg-type]
    "a subclass of pydantic": (list[Model], lambda: [SubModel(id=1)], r"`-> Model \| SubModel`"),
    "a subclass of a tuple": (Pair, lambda: SubPair(Point(x=1.0)), r"`-> Pair \| SubPair`"),
    "another class": (User, lambda: [Point(x=1.0)], r"a Point, which the return annotation does not name"),
    "more than fields": (User, lambda: _with_more(User(1)), "'more', which is none of its fields"),  # type: ignore[arg-type]
    "a cycle": (User, _cyclic, "contains itself|too deep"),
    "a base in C": (Text, lambda: Text("a"), "derives from str"),
    "a deleted field": (Event | Normal, lambda: _without(Normal([1]), "items"), "deleted"),
    "a value in a field": (User, lambda: User(1, anything=object()), "object"),  # type: ignore[arg-type]
    "a tuple of another length": (Row, lambda: tuple.__new__(Row, (1,)), "2 fields"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_come_back_is_refused(case: str) -> None:
    """The text names the class, and what to do."""
    annotation, make, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        std(annotation).dumps(make())


def test_cached_properties_are_made_anew() -> None:
    """They are no state, and do not stand in the way."""

    class Cached(pydantic.BaseModel):
        a: int

        @functools.cached_property
        def twice(self) -> int:
            return self.a * 2

    for value, name in ((Cached(a=2), "twice"), (Ticket("a"), "label"), (User(1, "b"), "upper")):  # type: ignore[arg-type]
        expected = getattr(value, name)
        assert getattr(through(type(value), value), name) == expected


# -- classes of functions, and of one name


def _twins() -> Iterator[type]:
    for field in ("a", "b"):
        yield dataclasses.make_dataclass("Twin", [(field, int)])


def test_classes_of_one_name_are_told_apart() -> None:
    """Each value comes back as an instance of its own."""
    first, second = _twins()
    back = through(first | second, [first(1), second(2)])
    assert [type(value) for value in back] == [first, second]


def test_classes_made_inside_a_function() -> None:
    """With references to themselves and to one another, though no module knows their names."""

    @dataclasses.dataclass
    class Node:
        children: list[Node]
        leaf: Leaf | None = None

    class Leaf(NamedTuple):
        of: Model

    value = Node([Node([])])
    assert state(through(Node, value)) == state(value)
    value.leaf = Leaf(Model(id=1))
    assert state(through(Node | Leaf, value)) == state(value)


def test_aliases() -> None:
    """A generic alias leads to the arguments of each of its uses."""
    two: Any = TypeAliasType("two", tuple[T, T], type_params=(T,))
    value = [(Point(x=1.0), Point(x=2.0)), (Alone(1), Alone(2))]
    assert state(through(list[two[Point] | two[Alone]], value)) == state(value)


def test_enums_made_inside_a_function() -> None:
    """Their members are the same objects again, combined ones too."""

    class Mood(enum.Enum):
        GOOD = 1

    class Mode(enum.IntFlag):
        A = 1
        B = 2

    extension = extension_for(dict[Mood, Mode])
    assert extension is not None
    for member in (Mood.GOOD, Mode.A, Mode.A | Mode.B, Mode(0)):
        encoder = extension.encoder(type(member))
        assert encoder is not None
        assert extension.decoders[tags.TYPED](encoder(member)[1:]) is member
    encoder = extension.encoder(Mode)
    assert encoder is not None
    with pytest.raises(SerializationError, match="bits"):
        encoder(Mode(9))
    with pytest.raises(DecodeError):
        extension.decoders[tags.TYPED]([Mode.__qualname__, 9])
