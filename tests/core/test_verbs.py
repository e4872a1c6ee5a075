"""The verbs a cached function carries, and `cache.clear_l1`, `close` and `aclose`."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys

import pytest

from cachekit import _plugins, _resolve, cache, hookimpl
from cachekit.contracts import BackendSpec
from cachekit.testing import MemoryBackend
from forms import BACKENDS, FORMS, FiveVerbs, warnings_of


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture(params=[MemoryBackend, *BACKENDS], ids=lambda backend: backend.__name__)
def backend(request):
    return request.param()


@pytest.fixture(params=[True, False], ids=["with L1", "without L1"])
def l1_enabled(request):
    return request.param


# -- key -----------------------------------------------------------------------------------


MODULE = """
import enum
from cachekit import cache
from cachekit.testing import MemoryBackend

class Grape(enum.Enum):
    PINOT = 1

@cache(backend=MemoryBackend(), namespace="keys", version=2)
def plain(a, b=2, *rest, c=None, **more): ...

@cache(backend=None)
async def awaited(a, b=2): ...

class Shop:
    def __cache_key__(self):
        return "shop"

    @cache(backend=None)
    def price(self, n): ...

    @cache(backend=None)
    @classmethod
    def of_class(cls, n): ...

def keys():
    return [
        plain.key(1), plain.key(1.0), plain.key("ä", b"b", c={"x": [1, (2,)]}, d={3, 1, 2, "a", "b"}), plain.key(Grape.PINOT),
        awaited.key(1), Shop().price.key(1), Shop.of_class.key(1),
    ]

if __name__ == "__main__":
    import keyed
    print("\\n".join(keyed.keys()))
"""


def test_a_key_is_the_same_in_every_process(tmp_path, monkeypatch):
    """Processes with other hash seeds make the same keys for functions and methods of a module, printable and short."""
    (tmp_path / "keyed.py").write_text(MODULE)
    printed = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)}
        process = subprocess.run(
            [sys.executable, tmp_path / "keyed.py"], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        printed.append(process.stdout.split())
    monkeypatch.syspath_prepend(tmp_path)
    import keyed

    assert printed[0] == printed[1] == keyed.keys()
    assert len(set(keyed.keys())) == 7
    assert all(key.isascii() and key.isprintable() and len(key) <= 250 for key in keyed.keys())


def test_a_key_needs_no_call_and_no_backend(form):
    """`key` is plain in both forms, runs nothing and asks no backend."""
    backend = FiveVerbs()
    function = form.function()
    cached = cache(backend=backend)(function)
    assert cached.key(1) == cached.key(n=1) != cached.key(2)
    assert cached.key() == cached.key(0)
    assert backend.asked == function.ran == []


# -- invalidate_cache, refresh, cache_clear --------------------------------------------------


def test_invalidating_removes_one_call_from_every_layer(form, backend, l1_enabled):
    """The next call of those arguments runs; the others stay; a second invalidation is done too."""
    function = form.function()
    cached = cache(backend=backend, l1_enabled=l1_enabled)(function)
    for n in (1, 2):
        form.call(cached, n)
    for _ in range(2):
        answer = form.call(cached.invalidate_cache, n=1)
        assert (answer.done, answer.status) == (True, "done")
    assert backend.get(cached.key(1)) is None
    assert backend.get(cached.key(2)) is not None
    assert [form.call(cached, 1), form.call(cached, 2)] == [10, 20]
    assert function.ran == [1, 2, 1]


def test_refreshing_runs_and_stores_in_every_layer(form, backend, l1_enabled):
    """`refresh` returns the new value, and so does the next call, from L1 and from the backend."""
    values = iter(range(10))
    function = form.function(lambda n: next(values))
    cached = cache(backend=backend, l1_enabled=l1_enabled)(function)
    assert form.call(cached, 1) == 0
    assert form.call(cached.refresh, 1) == 1
    assert form.call(cached, 1) == 1
    cache.clear_l1()
    assert form.call(cached, 1) == 1
    assert form.call(cached.refresh, 2) == 2  # one that was never called
    assert form.call(cached, 2) == 2


def test_a_refresh_that_raises_keeps_the_old_value(form, backend):
    """The exception is the caller's, and the entry is still there."""
    answers = iter([0, ValueError("no")])

    def compute(n):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cached = cache(backend=backend)(form.function(compute))
    form.call(cached, 1)
    with pytest.raises(ValueError, match="no") as caught:
        form.call(cached.refresh, 1)
    assert caught.value.__context__ is None
    assert form.call(cached, 1) == 0


def test_clearing_one_function_leaves_the_other(form, backend, l1_enabled):
    """`cache_clear` removes this function's entries from every layer, and only these."""
    one, other = form.function(), form.function()
    cached_one = cache(backend=backend, namespace="one", l1_enabled=l1_enabled)(one)
    cached_other = cache(backend=backend, namespace="other", l1_enabled=l1_enabled)(other)
    for n in (1, 2):
        form.call(cached_one, n)
        form.call(cached_other, n)
    assert form.call(cached_one.cache_clear).done
    assert cached_one.cache_info().entries == 0
    cache.clear_l1()
    for n in (1, 2):
        form.call(cached_one, n)
        form.call(cached_other, n)
    assert one.ran == [1, 2, 1, 2]
    assert other.ran == [1, 2]


def test_clearing_reaches_what_another_process_stored(form, backend):
    """A second process, here a second decoration of one function, misses what the first one cleared."""
    function = form.function()
    first, second = (cache(backend=backend, l1_enabled=False)(function) for _ in range(2))
    form.call(first, 1)
    form.call(second, 1)
    assert function.ran == [1]
    form.call(first.cache_clear)
    form.call(second, 1)
    form.call(first, 1)
    assert function.ran == [1, 1]


def test_the_verbs_of_a_coroutine_function_are_awaited():
    """`invalidate_cache`, `refresh` and `cache_clear` are coroutine functions; `key` and `cache_info` answer at once."""

    @cache(backend=None)
    async def awaited(n): ...

    for verb in (awaited.invalidate_cache, awaited.refresh, awaited.cache_clear):
        assert inspect.iscoroutinefunction(verb)
    for verb in (awaited.key, awaited.cache_info):
        assert not inspect.iscoroutinefunction(verb)


@pytest.mark.parametrize("verb", ["key", "invalidate_cache", "refresh"])
def test_a_verb_called_wrongly_says_so_as_the_function_would(form, verb):
    """Arguments the function does not take are a TypeError with the function's own text."""
    cached = cache(backend=None)(form.function())
    with pytest.raises(TypeError) as own:
        form.call(cached.__wrapped__, 1, 2)
    with pytest.raises(TypeError) as ours:
        getattr(cached, verb)(1, 2) if verb == "key" else form.call(getattr(cached, verb), 1, 2)
    assert str(ours.value) == str(own.value)


def test_the_counts_say_which_layer_answered(form, backend):
    """`cache_info` counts L1 hits, backend hits and misses exactly, and what L1 holds."""
    cached = cache(backend=backend)(form.function())
    for n in (1, 1, 2):
        form.call(cached, n)
    cache.clear_l1()
    form.call(cached, 1)
    info = cached.cache_info()
    assert (info.l1_hits, info.l2_hits, info.misses, info.hits, info.entries) == (1, 1, 2, 2, 1)
    assert info.bytes > 0
    assert (info.backend_errors, info.uncacheable, info.unread) == (0, 0, {})


# -- the whole process -----------------------------------------------------------------------


def test_clear_l1_touches_no_backend(form):
    """Every function's L1 is empty, and no backend was asked anything."""
    backend = FiveVerbs()
    functions = [form.function(), form.function()]
    cached = [cache(backend=backend, namespace=f"clear-{i}")(function) for i, function in enumerate(functions)]
    for each in cached:
        form.call(each, 1)
    before = dict(backend.entries)
    backend.asked.clear()
    assert cache.clear_l1() is None
    assert backend.asked == []
    assert backend.entries == before
    assert [each.cache_info().entries for each in cached] == [0, 0]
    for each in cached:
        form.call(each, 1)
    assert [function.ran for function in functions] == [[1], [1]]


class Server(MemoryBackend):
    """A backend made by name, which keeps its entries over `close` as a server does."""

    def __init__(self, entries):
        super().__init__()
        self._entries = entries


@pytest.fixture
def named(monkeypatch):
    """A registry with one backend called ``counted``, and what was made of it."""
    made, entries = [], {}

    def make(settings):
        made.append(Server(entries))
        return made[-1]

    class Plugin:
        @staticmethod
        @hookimpl
        def cachekit_register_backends():
            return [BackendSpec(name="counted", api_version=1, factory=make)]

    from cachekit.builtin import plugin

    registry = _plugins.Registry()
    registry.add(plugin, _plugins.Provider("built-in"))
    registry.add(Plugin(), _plugins.Provider("fake"))
    monkeypatch.setattr(_plugins, "registry", registry)
    monkeypatch.setattr(_resolve, "_stores", {})
    return made


@pytest.mark.parametrize("closed_by", ["close", "aclose"])
def test_after_close_a_later_call_works_again(form, named, caplog, closed_by):
    """Closing ends the backends made by name, twice if need be; a later call makes anew what it needs."""
    function = form.function()
    cached = cache(backend="counted", l1_enabled=False)(function)
    form.call(cached, 1)
    for _ in range(2):
        cache.close() if closed_by == "close" else asyncio.run(cache.aclose())
    assert [each.health_check()[0] for each in named] == [False]
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert function.ran == [1]
    assert len(named) == 2
    assert warnings_of(caplog) == []


def test_close_leaves_the_users_own_backend_open(form):
    """A backend passed as an object is the user's to close."""
    backend = MemoryBackend()
    function = form.function()
    cached = cache(backend=backend, l1_enabled=False)(function)
    form.call(cached, 1)
    cache.close()
    asyncio.run(cache.aclose())
    assert backend.health_check()[0]
    form.call(cached, 1)
    assert function.ran == [1]
