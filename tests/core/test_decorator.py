"""`@cache` on functions: what it returns, what it keeps of the function, and whose the exceptions are."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import traceback

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from forms import FORMS

WAYS = {
    "@cache": lambda function: cache(function),
    "@cache()": lambda function: cache()(function),
    "@cache(ttl=60)": lambda function: cache(ttl=60)(function),
    "@cache(backend=None)": lambda function: cache(backend=None)(function),
    "@cache.minimal": lambda function: cache.minimal(function),
    "@cache.minimal()": lambda function: cache.minimal()(function),
    "@cache.test": lambda function: cache.test(function),
    "@cache.dev(ttl='1m')": lambda function: cache.dev(ttl="1m")(function),
    "@cache.production": lambda function: cache.production(function),
}


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture(autouse=True)
def default_backend(monkeypatch):
    """L1 only where a test names no backend."""
    from cachekit import _resolve

    monkeypatch.setattr(_resolve, "_default", None)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_decorating_caches(form, way):
    """Bare, called, with options, and by intent: the function runs once for one argument."""
    function = form.function()
    cached = WAYS[way](function)
    assert [form.call(cached, n) for n in (1, 1, 2, 1)] == [10, 10, 20, 10]
    assert function.ran == [1, 2]
    assert cached.cache_info().hits == 2


def test_a_cached_function_is_introspected_as_the_function():
    """Name, text, module, signature and kind stay those of the function, and `__wrapped__` is the function itself."""

    def plain(a: int, /, b: str = "b", *rest: int, c: bool = True, **more: int) -> list[int]:
        """What it is for."""
        return []

    async def awaited(a: int) -> int:
        """What it is for."""
        return a

    for function in (plain, awaited):
        cached = cache(backend=None)(function)
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
            assert getattr(cached, attribute) == getattr(function, attribute)
        assert cached.__wrapped__ is function
        assert inspect.signature(cached) == inspect.signature(function)
        assert inspect.iscoroutinefunction(cached) == inspect.iscoroutinefunction(function)
        assert inspect.isfunction(cached)


def test_wrapped_calls_the_function_without_its_cache(form):
    """`__wrapped__` neither reads nor fills the cache."""
    function = form.function()
    cached = cache(backend=None)(function)
    form.call(cached, 1)
    form.call(cached.__wrapped__, 1)
    form.call(cached.__wrapped__, 2)
    form.call(cached, 2)
    assert function.ran == [1, 1, 2, 2]


RAN = []


@cache(backend=None)
def shape(a, /, b, c=3, *args, d, e=5, **kwargs):
    RAN.append((a, b, c, args, d, e, kwargs))
    return RAN[-1]


def test_one_call_however_written_is_one_entry():
    """Positional, by keyword, with a default written out, keywords in another order: one entry."""
    RAN.clear()
    for calls in (
        [lambda: shape(1, 2, d=4), lambda: shape(1, b=2, d=4), lambda: shape(1, d=4, b=2, c=3, e=5), lambda: shape(1, 2, 3, d=4)],
        [lambda: shape(1, 2, 3, 9, d=4), lambda: shape(1, 2, 3, 9, e=5, d=4)],
        [lambda: shape(1, 2, d=4, x=1, y=2), lambda: shape(1, 2, y=2, x=1, d=4)],
    ):
        before = len(RAN)
        values = [call() for call in calls]
        assert all(value == values[0] for value in values)
        assert len(RAN) == before + 1


def test_a_keyword_named_as_a_positional_only_parameter_is_another_call():
    """`f(1)` and `f(1, a=2)` differ where `a` is positional-only and `**kwargs` takes the second."""

    @cache(backend=None)
    def pair(a, /, **kwargs):
        return a, kwargs

    assert [pair(1), pair(1, a=2), pair(1, a=3)] == [(1, {}), (1, {"a": 2}), (1, {"a": 3})]


def _get(get):
    return get


def _self(self):
    return self


def _key(key):
    return key


def _args(args):
    return args


def _kwargs(kwargs):
    return kwargs


def _bind(bind):
    return bind


def _private(_x):
    return _x


def _function(function):
    return function


def _named_as_itself(_named_as_itself):
    return _named_as_itself


ODD = [_get, _self, _key, _args, _kwargs, _bind, _private, _function, _named_as_itself]


@pytest.mark.parametrize("function", ODD, ids=lambda function: function.__name__)
def test_a_parameter_may_have_any_name(function):
    """No name of ours collides with the user's, in a call or in a verb, by position or by keyword."""
    (name,) = inspect.signature(function).parameters
    cached = cache(backend=MemoryBackend())(function)
    assert cached(7) == cached(**{name: 7}) == 7
    assert cached.cache_info().misses == 1
    assert cached.key(**{name: 7}) == cached.key(7)
    assert cached.refresh(**{name: 7}) == 7
    assert cached.invalidate_cache(**{name: 7}).done
    assert cached.cache_info().entries == 0


def _of_keywords(**kwargs):
    return sorted(kwargs)


def test_any_keyword_reaches_a_function_that_takes_any():
    """`**kwargs` receives names that are ours, in a call and in each verb."""
    cached = cache(backend=None)(_of_keywords)
    given = dict.fromkeys(("self", "site", "call", "key", "args", "function", "cls", "instance"), 1)
    assert cached(**given) == cached.refresh(**given) == sorted(given)
    assert cached.key(**given).startswith("ck:")
    assert cached.invalidate_cache(**given).done


@pytest.mark.parametrize(
    "args, kwargs",
    [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"a": 1}), ((), {"b": 1})],
    ids=["none", "many", "z", "twice", "no a"],
)
def test_a_wrong_call_raises_what_the_function_raises(form, args, kwargs):
    """The TypeError is the function's own, word for word, and nothing is stored or counted as uncacheable."""
    if form.is_async:

        async def measured(a, b=2): ...
    else:

        def measured(a, b=2): ...

    cached = cache(backend=None)(measured)
    with pytest.raises(TypeError) as own:
        form.call(measured, *args, **kwargs)
    with pytest.raises(TypeError) as ours:
        form.call(cached, *args, **kwargs)
    assert str(ours.value) == str(own.value)
    assert ours.value.__context__ is None
    assert cached.cache_info().entries == cached.cache_info().uncacheable == 0


def test_a_function_pickles_and_copies_as_a_function_does():
    """Found again by its name: a cached function can be sent to another process, and a copy is the same function."""
    assert pickle.loads(pickle.dumps(shape)) is shape
    assert copy.copy(shape) is shape
    assert copy.deepcopy([shape])[0] is shape


def test_none_is_a_value(form):
    """A function that returns None runs once, over L1 and over a backend."""
    function = form.function(lambda n: None)
    cached = cache(backend=MemoryBackend())(function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [None, None]
    cache.clear_l1()
    assert form.call(cached, 1) is None
    assert function.ran == [1]
    assert cached.cache_info().l2_hits == 1


class Refused(Exception):
    """The user's own."""


ENDS = [
    *((form, error) for form in FORMS for error in (Refused("no"), ValueError("no"), asyncio.CancelledError())),
    # Python lets no StopIteration out of a coroutine, and asyncio.run ends on these two itself.
    *((FORMS[0], error) for error in (StopIteration(3), KeyboardInterrupt(), SystemExit(2))),
]


@pytest.mark.parametrize("form, error", ENDS, ids=repr)
def test_an_exception_is_the_callers_and_is_not_cached(form, error):
    """The very object comes out, with no context of ours, through no frames but the wrapper's and the function's; the next call runs."""

    def compute(n):
        raise error

    function = form.function(compute)
    cached = cache(backend=MemoryBackend())(function)
    for _ in range(2):
        error.__traceback__ = None
        with pytest.raises(type(error)) as caught:
            form.call(cached, 1)
        assert caught.value is error
        assert caught.value.__context__ is caught.value.__cause__ is None
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[-3:] == ["cached", "numbered", "compute"]
        assert not any("cachekit" in frame.filename for frame in traceback.extract_tb(caught.value.__traceback__) if frame.name != "cached")
    assert function.ran == [1, 1]
    assert cached.cache_info().entries == 0
