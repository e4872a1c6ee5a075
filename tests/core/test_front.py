"""The wrapper that is written for a function: whatever its signature, a call means what the bare function's call means."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import traceback
from functools import partial
from typing import Any

import pytest

from cachekit import cache
from forms import FORMS, Form


@pytest.fixture(params=FORMS, ids=repr)
def form(request: pytest.FixtureRequest) -> Form:
    return request.param


def called(form: Form, function: Any, args: Any, kwargs: Any) -> Any:
    """A call whose keywords may have any name."""
    return form.call(partial(function, *args, **kwargs))


def written(form: Form, signature: str, body: str = "return locals()") -> Any:
    """A function of the form with this signature, which returns what it was called with."""
    scope: dict[str, Any] = {"__name__": __name__}
    exec(f"{form.name} written({signature}):\n    {body}", scope)
    return scope["written"]


MANY = ", ".join(f"p{i}={i}" for i in range(30))
SIGNATURES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "": [((), {})],
    "a": [((1,), {}), ((), {"a": 1})],
    "a, b=2": [((1,), {}), ((1, 2), {}), ((1,), {"b": 3}), ((), {"b": 1, "a": 5})],
    "a, /": [((1,), {})],
    "a, /, b, *, c": [((1, 2), {"c": 3}), ((1,), {"c": 3, "b": 2})],
    "a=1, /, b=2, *, c=3": [((), {}), ((1,), {}), ((9,), {"c": 3}), ((9, 8), {"c": 7})],
    "*, c, d=4": [((), {"c": 1}), ((), {"d": 4, "c": 1}), ((), {"d": 5, "c": 1})],
    "*args": [((), {}), ((1, 2), {}), (((1, 2),), {})],
    "**kwargs": [((), {}), ((), {"a": 1}), ((), {"kwargs": 1, "self": 2})],
    "a, *args, c=1, **kwargs": [((1,), {}), ((1, 2), {"c": 3, "d": 4})],
    "a, /, **kwargs": [((1,), {"a": 2}), ((2,), {"a": 1})],
    "self, cls=0": [((1,), {}), ((), {"self": 1, "cls": 2})],
    "type, Exception": [((1, 2), {}), ((), {"type": 1, "Exception": 2})],
    "_get, _slot, _type, _now, _soft": [((1, 2, 3, 4, 5), {}), ((1, 2, 3, 4), {"_soft": 5})],
    "__get, __slot, _value, ___copier": [((1, 2, 3, 4), {}), ((1,), {"___copier": 2, "_value": 3, "__slot": 4})],
    "_": [((1,), {}), ((), {"_": 1})],
    "cached, missed, nothing, hit": [((1, 2, 3, 4), {})],
    "é, ﬁ, 変数=1": [((1, 2), {}), ((1,), {"fi": 2}), ((1, 2), {"変数": 3})],
    MANY: [((), {}), (tuple(range(30)), {}), ((), {"p29": 0}), ((7,), {"p7": 1})],
}
CALLS = [(signature, args, kwargs) for signature, calls in SIGNATURES.items() for args, kwargs in calls]


@pytest.mark.parametrize("signature, args, kwargs", CALLS, ids=repr)
def test_a_call_gives_what_the_function_gives(form: Form, signature: str, args: Any, kwargs: Any) -> None:
    """The first call, and every hit after it, in any form of call."""
    function = written(form, signature)
    cached = cache(backend=None)(function)
    for _ in range(3):
        assert called(form, cached, args, kwargs) == called(form, function, args, kwargs)
    info = cached.cache_info()
    assert (info.misses, info.hits) == (1, 2)


@pytest.mark.parametrize("signature", ["_", "_=1", "a, _", "*, _, __=1", "_get, type"])
def test_ignored_arguments_still_reach_the_function(form: Form, signature: str) -> None:
    """What is no part of the key is handed to the function unchanged, whatever its name."""
    names = list(inspect.signature(written(form, signature)).parameters)
    for ignored in [names, names[-1:]]:
        function = written(form, signature)
        cached = cache(backend=None, ignore=tuple(ignored))(function)
        call = dict(zip(names, "xyz", strict=False))
        assert form.call(cached, **call) == call
        assert form.call(cached, **{**call, ignored[-1]: "other"}) == call
        assert cached.cache_info().hits == 1


@pytest.mark.parametrize("signature", SIGNATURES)
def test_calls_that_differ_share_nothing(form: Form, signature: str) -> None:
    """Among all calls of one function, each gets what the function gives for it."""
    function = written(form, signature)
    cached = cache(backend=None)(function)
    for _ in range(2):
        for args, kwargs in SIGNATURES[signature]:
            assert called(form, cached, args, kwargs) == called(form, function, args, kwargs)


def test_every_way_of_writing_a_call_is_one_entry(form: Form) -> None:
    """By position, by name, and with defaults written out or not."""
    cached = cache(backend=None)(written(form, "a, b=2, *, c=3"))
    ways = [((1,), {}), ((), {"a": 1}), ((1, 2), {}), ((1,), {"b": 2}), ((), {"c": 3, "b": 2, "a": 1})]
    for args, kwargs in ways:
        called(form, cached, args, kwargs)
    info = cached.cache_info()
    assert (info.misses, info.l1_hits, info.entries) == (1, len(ways) - 1, 1)


def test_a_mutable_default_is_the_functions_own(form: Form) -> None:
    """A default that is changed makes another call of it, and the change is seen by the function."""
    function = written(form, "a=[]", "return list(a)")
    cached = cache(backend=None)(function)
    assert [form.call(cached), form.call(cached)] == [[], []]
    function.__defaults__[0].append(1)
    assert [form.call(cached), form.call(cached), form.call(cached, [])] == [[1], [1], []]


WRONG = {
    "": [((1,), {}), ((), {"a": 1})],
    "a": [((), {}), ((1, 2), {}), ((1,), {"a": 2}), ((1,), {"b": 2})],
    "a, /": [((), {"a": 1})],
    "*, c": [((), {}), ((1,), {})],
    "a, *args": [((), {}), ((1,), {"a": 2})],
    "a, **kwargs": [((), {"b": 1}), ((1, 2), {})],
}


@pytest.mark.parametrize("signature, args, kwargs", [(s, a, k) for s, calls in WRONG.items() for a, k in calls], ids=repr)
def test_wrong_arguments_are_the_functions_own_error(form: Form, signature: str, args: Any, kwargs: Any) -> None:
    """The TypeError says what the bare function's says, without a cause or context, and nothing is counted."""
    function = written(form, signature)
    cached = cache(backend=None)(function)
    with pytest.raises(TypeError) as bare:
        called(form, function, args, kwargs)
    with pytest.raises(TypeError) as raised:
        called(form, cached, args, kwargs)
    assert str(raised.value) == str(bare.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    info = cached.cache_info()
    assert (info.hits, info.misses, info.uncacheable) == (0, 0, 0)


class Unhashable:
    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __cache_key__(self) -> int:
        return 1


class Uncomparable:
    def __hash__(self) -> int:
        return hash(None)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __cache_key__(self) -> int:
        return 1


@pytest.mark.parametrize("make", [lambda: 2, Unhashable, Uncomparable, lambda: [1]], ids=["int", "no hash", "no eq", "list"])
def test_the_functions_exceptions_are_its_own(form: Form, make: Any) -> None:
    """An exception comes as the function raised it: no context, no cause, and two frames of ours at most before its own."""
    cached = cache(backend=None)(written(form, "a", "if a is not None: raise ValueError('no')"))
    form.call(cached, None)  # something for a lookup to compare with
    for _ in range(2):
        with pytest.raises(ValueError, match="no") as raised:
            form.call(cached, make())
        assert (raised.value.__context__, raised.value.__cause__, raised.value.__suppress_context__) == (None, None, False)
        files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
        assert sum("cachekit" in file for file in files) <= 2
    assert cached.cache_info().misses == 3


def test_it_shows_itself_as_the_function(form: Form) -> None:
    """Signature, defaults, annotations, names and kind are the function's, for those that ask."""
    for signature in ("a, b=2, /, c=3, *, d=4", "", "a, *args, b=1, **kwargs"):
        function = written(form, signature)
        cached = cache(backend=None)(function)
        assert inspect.signature(cached) == inspect.signature(function)
        assert inspect.iscoroutinefunction(cached) == asyncio.iscoroutinefunction(cached) == form.is_async
        assert (cached.__name__, cached.__qualname__, cached.__module__) == (function.__name__, function.__qualname__, function.__module__)
        assert cached.__wrapped__ is function
    function = written(form, "a, b=2, /, c=3, *, d=4, e")
    cached = cache(backend=None)(function)
    assert (cached.__defaults__, cached.__kwdefaults__) == (function.__defaults__, function.__kwdefaults__)


@cache(backend=None)
def by_name(n: int) -> int:
    return n


def test_it_is_pickled_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any function, so that a pool of processes can be given it."""
    import sys

    monkeypatch.setitem(sys.modules, by_name.__module__, sys.modules.get(by_name.__module__) or inspect.getmodule(inspect.currentframe()))
    assert pickle.loads(pickle.dumps(by_name)) is by_name


class Shop:
    """Methods of every kind, told apart by the shop's number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __cache_key__(self) -> int:
        return self.number

    @cache(backend=None)
    def price(self, item: str, __rate: int = 1, *, _get: int = 0) -> tuple[Any, ...]:
        return self.number, item, __rate, _get

    @classmethod
    @cache(backend=None)
    def named(cls, n: int) -> tuple[Any, ...]:
        return cls.__name__, n

    @cache(backend=None)
    @staticmethod
    def twice(n: int) -> int:
        return 2 * n

    @cache(backend=None)
    async def later(self, n: int) -> tuple[int, int]:
        return self.number, n


class Branch(Shop):
    """A subclass that inherits them."""


def test_methods_of_every_kind() -> None:
    """Instances, subclasses and classes each have their own entries; a mangled name is passed as Python passes it."""
    one, two, branch = Shop(1), Shop(2), Branch(1)
    for _ in range(2):
        assert [shop.price("a") for shop in (one, two, branch)] == [(1, "a", 1, 0), (2, "a", 1, 0), (1, "a", 1, 0)]
        assert one.price("a", _Shop__rate=2, _get=3) == Shop.price(one, "a", 2, _get=3) == (1, "a", 2, 3)
        assert (Shop.named(1), Branch.named(1), one.named(n=1), branch.named(1)) == (("Shop", 1), ("Branch", 1), ("Shop", 1), ("Branch", 1))
        assert (one.twice(2), Branch.twice(n=2)) == (4, 4)
        assert [asyncio.run(shop.later(1)) for shop in (one, two)] == [(1, 1), (2, 1)]
    assert (Shop.price.cache_info().misses, Shop.named.cache_info().misses, Shop.twice.cache_info().misses) == (4, 2, 1)
    assert Shop.later.cache_info().misses == 2
    with pytest.raises(TypeError, match=r"Shop\.price\(\) missing 1 required positional argument: 'item'"):
        one.price()
