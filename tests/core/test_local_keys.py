"""L1 keeps arguments as they are only where they are small, and counts what they take."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import pytest

from cachekit import cache
from cachekit._memory import LARGEST_LOCAL_KEY
from cachekit.config import L1CacheConfig
from forms import FORMS, Form

MIB = 1 << 20
SIZED = {"str": lambda n: "x" * n, "bytes": lambda n: b"x" * n, "int": lambda n: 1 << (8 * n)}


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


def answering(form: Form, **options: Any) -> Any:
    """A cached function that itself keeps nothing."""
    if form.is_async:

        async def answer(a: Any, b: Any = 0) -> None:
            return None
    else:

        def answer(a: Any, b: Any = 0) -> None:
            return None

    return cache(backend=None, **options)(answer)


@pytest.mark.parametrize("make", SIZED.values(), ids=SIZED)
def test_a_large_argument_is_not_kept(form, make):
    """A call with a megabyte of argument is cached under its digest: L1 holds nothing of it, and hits all the same."""
    cached = answering(form)
    large = make(1_000_000)
    before = sys.getrefcount(large)
    for _ in range(3):
        form.call(cached, large)
    gc.collect()
    assert sys.getrefcount(large) == before
    info = cached.cache_info()
    assert (info.l1_hits, info.misses) == (2, 1)
    assert info.bytes < 10 * LARGEST_LOCAL_KEY


def test_many_arguments_that_are_large_together_are_not_kept(form):
    """It is their sum that counts: two of 600 bytes are more than a local key may take."""
    cached = answering(form)
    one, other = "x" * 600, "y" * 600
    before = sys.getrefcount(one), sys.getrefcount(other)
    form.call(cached, one, other)
    gc.collect()
    assert (sys.getrefcount(one), sys.getrefcount(other)) == before


@pytest.mark.parametrize("make", SIZED.values(), ids=SIZED)
def test_a_small_argument_is_kept_and_counted(form, make):
    """What L1 keeps of a call's arguments is part of the entry's bytes."""
    cached = answering(form)
    small, larger = make(1), make(501)
    form.call(cached, small)
    of_small = cached.cache_info().bytes
    form.call(cached, larger)
    assert cached.cache_info().bytes - 2 * of_small == sys.getsizeof(larger) - sys.getsizeof(small)


@pytest.mark.parametrize("size", [1, 400, 900, 1_000_000])
def test_an_invalidated_entry_is_gone_whatever_its_arguments_take(form, size):
    """Kept as they are or not, one call's arguments lead to one entry, and `invalidate_cache` finds it."""
    cached = answering(form)
    for _ in range(2):
        form.call(cached, "x" * size)
        form.call(cached.invalidate_cache, "x" * size)
    info = cached.cache_info()
    assert (info.misses, info.entries, info.bytes) == (2, 0, 0)


@pytest.mark.parametrize("size", [5, 300, 100_000])
def test_the_budget_holds_for_arguments_too(size):
    """Thousands of calls that differ in their texts, within a budget of 1 MB, take no more than 1.5 times that of memory."""
    cached = answering(FORMS[0], l1=L1CacheConfig(max_size_mb=1))
    cached("first")
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(3000 if size < 1000 else 50):
            cached(f"{n:08}" + "x" * size, f"{n:08}" + "y" * size)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cached.cache_info().bytes <= MIB
    assert taken <= 1.5 * MIB
