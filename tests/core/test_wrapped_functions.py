"""A function under another decorator that takes anything is cached by the arguments that it shows."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from cachekit import cache
from cachekit.errors import CachekitError, ConfigurationError
from cachekit.testing import MemoryBackend
from forms import FORMS, Form


def traced(function: Any) -> Any:
    """A decorator as everybody writes it."""
    if asyncio.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)
    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    return wrapper


def priced(form: Form) -> Any:
    """A function of several parameters, that notes in its ``ran`` what it ran with."""
    if form.is_async:

        async def price(sku: str, count: int = 1, *, currency: str = "EUR") -> tuple[str, int, str]:
            price.ran.append(sku)  # type: ignore[attr-defined]
            return sku, count, currency
    else:

        def price(sku: str, count: int = 1, *, currency: str = "EUR") -> tuple[str, int, str]:
            price.ran.append(sku)  # type: ignore[attr-defined]
            return sku, count, currency

    price.ran = []  # type: ignore[attr-defined]
    return price


LAYERS = {"L1": lambda: {"backend": None}, "L2": lambda: {"backend": MemoryBackend(), "l1_enabled": False}}
ONE_CALL = [
    (("a",), {}),
    ((), {"sku": "a"}),
    (("a", 1), {}),
    (("a",), {"count": 1}),
    ((), {"currency": "EUR", "sku": "a"}),
]


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture(params=LAYERS)
def layers(request):
    return LAYERS[request.param]()


@pytest.mark.parametrize("times", [1, 2], ids=["wrapped", "wrapped twice"])
def test_every_way_of_writing_a_call_is_one_entry(form, layers, times):
    """By position, by keyword and with defaults written out or not, as if nothing stood between."""
    function = priced(form)
    wrapped = function
    for _ in range(times):
        wrapped = traced(wrapped)
    cached = cache(**layers)(wrapped)
    for args, kwargs in ONE_CALL:
        assert form.call(cached, *args, **kwargs) == ("a", 1, "EUR")
    assert function.ran == ["a"]
    assert len({cached.key(*args, **kwargs) for args, kwargs in ONE_CALL}) == 1
    assert form.call(cached, "a", 2) == ("a", 2, "EUR")
    assert form.call(cached, "a", currency="CHF") == ("a", 1, "CHF")


@pytest.mark.parametrize("args, kwargs", ONE_CALL, ids=repr)
def test_any_way_of_writing_a_call_invalidates_it(form, layers, args, kwargs):
    """The entry that one form stored, every other form removes."""
    function = priced(form)
    cached = cache(**layers)(traced(function))
    form.call(cached, "a")
    form.call(cached.invalidate_cache, *args, **kwargs)
    form.call(cached, sku="a")
    assert function.ran == ["a", "a"]


def test_ignore_takes_the_names_that_are_shown(form, layers):
    """`ignore=` goes by what the wrapped function's parameters are called, however they are passed; other names are refused."""
    function = priced(form)
    cached = cache(ignore=("count", "currency"), **layers)(traced(function))
    for args, kwargs in ((("a", 1), {}), (("a",), {"count": 2}), ((), {"sku": "a", "currency": "CHF"})):
        assert form.call(cached, *args, **kwargs) == ("a", 1, "EUR")
    assert function.ran == ["a"]
    with pytest.raises(ConfigurationError, match="did you mean 'count'"):
        cache(ignore="counts", **layers)(traced(priced(form)))


def with_session(function: Any) -> Any:
    """A wrapper that takes one argument more than what it wraps, and gives another."""
    is_async = asyncio.iscoroutinefunction(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return args, sorted(kwargs.items())

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return args, sorted(kwargs.items())

    return awaited if is_async else wrapper


OTHER_ARGUMENTS = [
    (("a", 1, "session"), {}),
    (("a", 1, "other"), {}),
    ((), {}),
    ((), {"session": 1}),
    (("a",), {"session": 1}),
    (("a",), {"session": 2}),
    ((("a", 1, "session"),), {}),
    ((), {"args": ("a", 1, "session"), "kwargs": {}}),
]


def test_a_wrapper_that_takes_other_arguments_works_and_never_mixes(form, layers):
    """What the wrapped function would refuse goes by the arguments as they were written, each an entry of its own."""
    cached = cache(**layers)(with_session(priced(form)))
    for _ in range(2):
        for args, kwargs in OTHER_ARGUMENTS:
            assert form.call(cached, *args, **kwargs) == (args, sorted(kwargs.items()))
    assert cached.cache_info().misses == len(OTHER_ARGUMENTS)
    assert len({cached.key(*args, **kwargs) for args, kwargs in OTHER_ARGUMENTS}) == len(OTHER_ARGUMENTS)


def renamed(function: Any) -> Any:
    """A wrapper with a parameter of its own, which it shows nobody."""

    @functools.wraps(function)
    def wrapper(flag: bool, *args: Any) -> Any:
        return flag, args

    return wrapper


def test_a_wrapper_with_parameters_of_its_own_goes_by_these(layers):
    """What it wraps says nothing of them, so `functools.wraps` does not make their values one."""

    def shown(a: int) -> int:
        return a

    cached = cache(**layers)(renamed(shown))
    calls = [(True,), (1,), (False,), (True, 1), (True, 2)]
    for _ in range(2):
        assert [cached(*call) for call in calls] == [(call[0], call[1:]) for call in calls]
    assert [type(cached(*call)[0]) for call in calls] == [type(call[0]) for call in calls]


def test_two_wrappers_of_one_function_share_no_entry(layers):
    """Both have its name and its signature, and do two things with it."""

    def base(n: int) -> int:
        return n

    def scaled(by: int) -> Any:
        return functools.wraps(base)(lambda *args, **kwargs: base(*args, **kwargs) * by)

    try:
        doubled, tripled, plain = (cache(**layers)(f) for f in (scaled(2), scaled(3), base))
    except CachekitError as refusal:
        assert "by" in str(refusal)
        return
    for _ in range(2):
        assert (doubled(10), tripled(n=10), plain(10)) == (20, 30, 10)
