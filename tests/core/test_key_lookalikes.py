"""What passes for another thing, in an argument or in what is decorated, is told apart from it or refused."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import functools
import inspect
import io
import pathlib
import struct
import weakref
import zoneinfo
from typing import Any

import pytest

from cachekit import cache
from cachekit.builtin.std import StdSerializer
from cachekit.errors import SerializationError, UncacheableArgumentError
from cachekit.testing import MemoryBackend
from corpus import Color, Fruit

pytest_plugins = ("ways",)

# -- what is decorated ---------------------------------------------------------------------------


def added(a: int, b: int) -> int:
    return a + b


class Scaled:
    """An object that is called, and borrows a function's name."""

    def __init__(self, by: int) -> None:
        self.by = by
        functools.update_wrapper(self, added)

    def __call__(self, a: int, b: int = 0) -> int:
        return a * self.by


def partial_of(n: int) -> Any:
    return functools.update_wrapper(functools.partial(added, n), added)


@pytest.mark.parametrize("make, values", [(partial_of, (12, 110)), (Scaled, (20, 1000))], ids=["partials", "objects"])
def test_callables_that_borrow_a_name_share_no_entry(make, values):
    """`functools.update_wrapper` gives two partials, or two objects, one name, and a backend holds their values apart."""
    backend = MemoryBackend()
    argument = (10,)
    first, second = (cache(backend=backend)(make(n)) for n in (2, 100))
    for _ in range(2):
        assert (first(*argument), second(*argument)) == values
    assert first.key(*argument) != second.key(*argument)
    assert added(10, 2) == 12  # the function whose name they have is another one still
    assert cache(backend=backend)(added).key(10, 2) not in (first.key(*argument), second.key(*argument))


def test_equal_partials_share_their_entries():
    """Two partials of one function with equal arguments are one function, also to a cold process."""
    backend = MemoryBackend()
    first, second = (cache(backend=backend)(partial_of(2)) for _ in range(2))
    assert first(10) == second(10) == 12
    assert second.cache_info().l2_hits == 1


def shown(x: int = 5, *, y: int = 6) -> tuple[int, int]:
    return x, y


def test_a_signature_for_readers_makes_no_key():
    """`__signature__` may show other defaults than a call gets: keys go by the function's own."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    function = functools.wraps(shown)(lambda x=5, *, y=6: (x, y))
    del function.__wrapped__
    function.__signature__ = inspect.Signature([inspect.Parameter(n, kind, default=1) for n, kind in zip("xy", kinds, strict=True)])
    cached = cache(backend=None)(function)
    assert [cached(), cached(1), cached(5), cached(y=1), cached(y=6)] == [(5, 6), (1, 6), (5, 6), (5, 1), (5, 6)]
    assert cached.key() == cached.key(5, y=6) != cached.key(1, y=1)


# -- arguments -----------------------------------------------------------------------------------


class Proxy:
    """An object that says it is of another's class."""

    def __init__(self, target: Any) -> None:
        self.target = target

    __class__ = property(lambda self: type(self.target))  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


def told_apart_or_refused(function: Any, content: Any, *arguments: Any) -> None:
    for argument in (*arguments, *arguments):
        try:
            assert function(argument) == content(argument)
        except UncacheableArgumentError:
            pass


def kind_of(value: Any) -> str:
    return f"{value.__class__.__qualname__}.{value.name}"


@pytest.mark.parametrize("proxy", [Proxy, weakref.proxy], ids=["own class", "weakref"])
@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L2"])
def test_a_proxy_is_not_what_it_stands_for(way, proxy, backend):
    """A lying `__class__` makes no enum member: two proxies, or one before and after it is turned to another, never mix."""
    red, fruit = proxy(Color.RED), proxy(Fruit.RED)
    function = way.cached(kind_of, backend=backend())
    told_apart_or_refused(function, kind_of, red, fruit, Color.RED, Fruit.RED)
    if proxy is Proxy:
        red.target = Fruit.RED
        told_apart_or_refused(function, kind_of, red)


@dataclasses.dataclass
class Order:
    amount: int

    @functools.cached_property
    def total(self) -> int:
        return self.amount * 2


@dataclasses.dataclass(eq=False)
class Line(collections.deque):
    owner: int

    def __init__(self, owner: int, items: list[int]) -> None:
        super().__init__(items)
        self.owner = owner


@dataclasses.dataclass
class Failure(Exception):
    code: int


def _order(amount: int, **attributes: int) -> Order:
    made = Order(amount)
    vars(made).update(attributes)
    return made


def _stale() -> Order:
    made = Order(1)
    assert made.total == 2
    made.amount = 5
    return made


def _failure(*args: object) -> Failure:
    made = Failure(1)
    made.args = args
    return made


HIDDEN = {
    "a cached_property's value": (lambda value: value.total, _order(1), _order(1, total=100), Order(5), _stale()),
    "an attribute beside the fields": (lambda value: sorted(vars(value).items()), _order(1), _order(1, note=2), _order(1, note=3)),
    "a deque's items": (list, Line(1, [1, 2]), Line(1, [3])),
    "an exception's args": (lambda value: value.args, Failure(1), _failure("z")),
}


@pytest.mark.parametrize("what", HIDDEN)
@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L2"])
def test_what_a_dataclass_holds_beside_its_fields_is_no_secret_to_the_key(way, what, backend):
    """Equal fields do not make one argument of two that differ in anything else a function may read."""
    content, *arguments = HIDDEN[what]
    told_apart_or_refused(way.cached(content, backend=backend()), content, *arguments)


class Region:
    current = "north"


class Tariff(enum.Enum):
    """A member that means another thing in another region."""

    BASE = 1

    def __cache_key__(self) -> tuple[str, str]:
        return self.name, Region.current


def test_an_enum_that_names_its_own_key_is_asked_for_it(way, monkeypatch):
    """At each call: a member is the same object, and its `__cache_key__` need not give what it gave before."""
    function = way.cached(lambda tariff: Region.current, backend=None)
    assert function(Tariff.BASE) == "north"
    before = function.key(Tariff.BASE)
    monkeypatch.setattr(Region, "current", "south")
    assert function(Tariff.BASE) == "south"
    assert function.key(Tariff.BASE) != before


def test_windows_paths_of_one_text_are_told_apart(way):
    """A drive is no file name, though `c:x` is the text of both, as an argument and as a value."""
    file, drive = pathlib.PureWindowsPath("./c:x"), pathlib.PureWindowsPath("c:x")
    assert file.parts != drive.parts
    function = way.cached(lambda path: path.parts, backend=None)
    assert [function(path) for path in (file, drive, file, drive)] == [file.parts, drive.parts] * 2
    assert function.key(file) != function.key(drive)
    std = StdSerializer()
    for path in (file, drive):
        try:
            assert std.loads(std.dumps(path)).parts == path.parts
        except SerializationError as refusal:
            assert "path" in str(refusal)


def foreign_zone() -> zoneinfo.ZoneInfo:
    """Tokyo's time under the name of another zone."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    data = b"TZif" + bytes(16) + counts + struct.pack(">lbb", 9 * 3600, 0, 0) + b"JST\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key="UTC")


ZONED = {
    "datetime": lambda zone: dt.datetime(2020, 1, 1, tzinfo=zone),
    "time": lambda zone: dt.time(1, 2, tzinfo=zone),
    "zone": lambda zone: zone,
}


@pytest.mark.parametrize("what", ZONED)
def test_a_zone_under_a_foreign_name_is_refused(way, what):
    """`ZoneInfo.from_file` takes any name, so that the name alone would make Tokyo's hours those of UTC, in keys and in values."""
    make = ZONED[what]
    function = way.cached(lambda value: (value if what == "zone" else value.tzinfo).utcoffset(dt.datetime(2020, 1, 1)), backend=None)
    assert function(make(zoneinfo.ZoneInfo("UTC"))) == dt.timedelta(0)
    with pytest.raises(UncacheableArgumentError, match="zone"):
        function(make(foreign_zone()))
    with pytest.raises(SerializationError):
        StdSerializer().dumps(make(foreign_zone()))
