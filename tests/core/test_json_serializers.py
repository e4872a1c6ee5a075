"""`orjson` and `msgspec` give back exactly what they were given, or refuse; and hostile bytes are a `DecodeError`, never more."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import math
import uuid
from typing import Any, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import attrs
import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.builtin._exactly import difference
from cachekit.errors import ConfigurationError, DecodeError, SerializationError
from cachekit.serializers import MsgspecSerializer, OrjsonSerializer
from corpus import PYTHON_ONLY, STORABLE, Color, Level, Text, Whole, Word, exactly, recursive

plain_json, plain = OrjsonSerializer(), MsgspecSerializer()
BOTH = pytest.mark.parametrize("serializer", [plain_json, plain], ids=lambda serializer: serializer.name)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


def is_json(value, levels=250):
    """What JSON has a form for, by another way than the serializer's."""
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is int:
        return -(2**63) <= value < 2**64
    if type(value) is str:
        return value.encode("utf-8", "replace").decode() == value
    if type(value) is dict:
        return levels > 0 and all(type(key) is str and is_json(key) and is_json(item, levels - 1) for key, item in value.items())
    return value is None or type(value) is bool or (type(value) is list and levels > 0 and all(is_json(item, levels - 1) for item in value))


@BOTH
@settings(max_examples=300, deadline=None)
@given(value=JSON)
def test_plain_values_come_back_as_they_were(serializer, value):
    """At any nesting, to the sign of a zero and the type of a number."""
    back = serializer.loads(serializer.dumps(value))
    assert exactly(back) == exactly(value)
    assert repr(back) == repr(value)


@settings(max_examples=300, deadline=None)
@given(value=JSON)
def test_json_is_what_others_read_and_write(value):
    """Python's own module agrees, in both directions."""
    assert exactly(json.loads(plain_json.dumps(value))) == exactly(value)
    assert exactly(plain_json.loads(json.dumps(value).encode())) == exactly(value)


ODD = [math.nan, math.inf, -math.inf, 2**64, -(2**63) - 1, "\ud800", Level.ONE, Word.ONE, Whole(1), Text("a"), orjson.Fragment(b"1")]
ODD += [
    uuid.UUID(int=1),
    dt.date(2020, 1, 1),
    collections.OrderedDict(a=1),
    collections.Counter("a"),
    {1: 2},
    {"\ud800": 1},
    {Text("a"): 1},
]


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [1, v], lambda v: {"a": [v]}], ids=["alone", "list", "dict"])
def test_json_refuses_all_else(wrap):
    """Whatever JSON would give back as something else; the text names the type and the remedy."""
    for value in [*STORABLE, *PYTHON_ONLY, *ODD]:
        if is_json(value):
            assert exactly(plain_json.loads(plain_json.dumps(wrap(value)))) == exactly(wrap(value))
            continue
        with pytest.raises(SerializationError, match="std") as refusal:
            plain_json.dumps(wrap(value))
        if type(value) not in (dict, list, int, str, float):
            assert type(value).__qualname__ in str(refusal.value)


@BOTH
def test_no_value_comes_back_as_another(serializer):
    """Over everything that caches mix up: it comes back as it was, or is refused."""
    for value in [*STORABLE, *PYTHON_ONLY, *ODD, recursive(), [recursive(), object()]]:
        try:
            data = serializer.dumps(value)
        except SerializationError:
            continue
        assert exactly(serializer.loads(data)) == exactly(value)


# -- by annotation ---------------------------------------------------------------------


class Liar:
    """Equal to everything."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return True


class Node(msgspec.Struct):
    name: str
    below: list[Node] = []
    weight: float = 1.0


class Tagged(msgspec.Struct, tag=True, frozen=True):
    key: int


class Other(msgspec.Struct, tag=True, rename="camel"):
    when: dt.datetime


@dataclasses.dataclass
class Order:
    number: int
    lines: tuple[Tagged, ...] = ()
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def total(self):
        return len(self.lines)


@attrs.define
class Item:
    color: Word
    sizes: set[int] = attrs.field(factory=set)


class Row(NamedTuple):
    id: uuid.UUID
    price: decimal.Decimal


class Options(TypedDict, total=False):
    level: Level
    since: dt.date


UTC = dt.UTC
BY_ANNOTATION = [
    (Node, Node("a", [Node("b", [Node("c")], -0.0)], math.nan)),
    (list[Tagged | Other], [Tagged(1), Other(dt.datetime(2020, 1, 1, 2, 3, 4, 5, UTC)), Tagged(2)]),
    (Order, Order(1, (Tagged(1), Tagged(2)), {"a": [None, 1.5]})),
    (dict[str, Item | None], {"a": Item(Word.ONE, {1, 2, 300}), "b": None}),
    (list[Row], [Row(uuid.UUID(int=5), decimal.Decimal("1.00")), Row(uuid.UUID(int=6), decimal.Decimal("-0"))]),
    (Options, {"level": Level.ZERO, "since": dt.date(2020, 1, 1)}),
    (tuple[int, str, bytes], (1, "a", b"\x00")),
    (set[int] | None, {1, -1, 2**63}),
    (frozenset[str], frozenset("a")),
    (dict[int, tuple[bool, ...]], {1: (True, False), 2: ()}),
    (dt.datetime, dt.datetime(2020, 1, 1, 2, 3, 4, 5)),
    (dt.datetime, dt.datetime(2020, 1, 1, tzinfo=UTC)),
    (dt.timedelta, dt.timedelta(days=-3, microseconds=1)),
    (bytearray, bytearray(b"abc")),
    (None, None),
    (Any, {"a": [1]}),
]


@pytest.mark.parametrize(("annotation", "value"), BY_ANNOTATION, ids=lambda case: str(case)[:30])
def test_an_annotations_classes_come_back(annotation, value):
    """Structs, dataclasses, attrs, typed dicts, named tuples, enums, dates and what they hold."""
    serializer = plain.for_annotation(annotation)
    back = serializer.loads(serializer.dumps(value))
    assert difference(value, back) is None
    assert repr(back) == repr(value)


def test_a_derived_property_does_not_hinder():
    """A cached property that was read is computed anew from what comes back."""
    order = Order(1, (Tagged(1),))
    assert order.total == 1
    serializer = plain.for_annotation(Order)
    back = serializer.loads(serializer.dumps(order))
    assert (back, back.total) == (order, 1)


def extended(value, **more):
    vars(value).update(more)
    return value


@dataclasses.dataclass
class Sub(Order):
    pass


NOT_AS_ANNOTATED = [
    (float, 1),
    (int, True),
    (list[int], (1, 2)),
    (dt.datetime, dt.datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Oslo"))),
    (dt.datetime, dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "SECRET"))),
    (dt.datetime, dt.datetime(2020, 1, 1, fold=1)),
    (Order, Sub(1)),
    (Order, extended(Order(1), secret="SECRET")),
    (Order, Order("SECRET")),
    (Order, Order(1, extra={"a": (1,)})),
    (Options, {"level": Level.ONE, "secret": "SECRET"}),
    (dict[str, int], collections.OrderedDict(a=1)),
    (Any, {"a": Tagged(1)}),
    (Any, {1, 2}),
    (Any, dt.date(2020, 1, 1)),
    (set[Any], {1.0, "SECRET", (1, frozenset())}),
    (dt.datetime, dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    (list[Node], [Node("a", weight=2)]),
]


@pytest.mark.parametrize(("annotation", "value"), NOT_AS_ANNOTATED, ids=lambda case: str(case)[:30])
def test_what_is_not_as_annotated_is_refused(annotation, value):
    """A subclass, a field too many, another zone, an int for a float: the text says which class, and shows no content."""
    with pytest.raises(SerializationError, match=r"annotate|std") as refusal:
        plain.for_annotation(annotation).dumps(value)
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize("annotation", [object(), set[int] | list[int], Tagged | Node, list[Liar], memoryview])
def test_an_annotation_that_cannot_be_served_is_a_configuration_error(annotation):
    """It is refused when the function is decorated, with the reason."""
    with pytest.raises(ConfigurationError, match="serializer='msgspec' cannot serve this return annotation: "):
        plain.for_annotation(annotation)


def test_data_of_an_older_schema_is_read_plain():
    """A dict of its fields for an instance, so that a migration can begin."""
    data = plain.for_annotation(Order).dumps(Order(7, (Tagged(1),)))
    assert plain.loads_plain(data) == {"number": 7, "lines": [{"type": "Tagged", "key": 1}], "extra": {}}
    with pytest.raises(DecodeError):
        plain.for_annotation(Node).loads(data)


class Kind(enum.Enum):
    A = 1
    B = 1.0


DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    ((1,), [1]),
    ({1}, {True}),
    ({1, 2}, {1, 3}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (Liar(), 1),
]
DIFFERENT += [(Liar(), Liar()), ({(1,)}, {(True,)}), (Node("a"), Node("b")), (Color.RED, Color.GREEN), (Order(1), Sub(1)), (object, object)]
DIFFERENT += [(decimal.Decimal("1.0"), decimal.Decimal("1.00")), (b"a", bytearray(b"a")), ([[[1]]], [[[2]]]), ([1], [1, 1]), ("a", "b")]


@pytest.mark.parametrize(("value", "back"), DIFFERENT, ids=repr)
def test_what_differs_in_anything_is_told_apart(value, back):
    """Class, order, sign, digits; what claims to be equal; what is of no known kind."""
    for wrap in (lambda v: v, lambda v: [v], lambda v: Order(1, extra={"a": v})):
        assert difference(wrap(value), wrap(back)) is not None


@pytest.mark.parametrize(
    "value", [math.nan, [math.nan, -0.0], {(1, 2), (3,)}, Order(1, extra={"a": {1.5: None}}), Kind.A, Row(1, 2)], ids=repr
)
def test_what_is_the_same_is_not(value):
    """Also what is not equal to itself, and sets in whatever order."""
    assert difference(value, value) is None
    if isinstance(value, set):
        other_order = [*value][::-1]
        assert difference(value, set(other_order)) is None
