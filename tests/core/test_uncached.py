"""What cannot be cached is returned: it costs the entry, never the call, and is counted each time and said once."""

from __future__ import annotations

import inspect
import threading

import pytest

from cachekit import cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from forms import FORMS, warnings_of


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.mark.parametrize("with_backend", [False, True], ids=["L1 only", "backend"])
@pytest.mark.parametrize("made", [lambda n: (i for i in range(3)), lambda n: threading.Lock()], ids=["generator", "lock"])
def test_a_value_without_a_copy_is_each_callers_own(form, caplog, with_backend, made):
    """A generator or a lock is returned uncached, with one warning that names its type."""
    function = form.function(made)
    cached = cache(backend=MemoryBackend() if with_backend else None)(function)
    values = [form.call(cached, 1) for _ in range(3)]
    assert len({id(value) for value in values}) == 3
    assert [list(value) for value in values if inspect.isgenerator(value)] in ([[0, 1, 2]] * 3, [])
    assert function.ran == [1, 1, 1]
    assert cached.cache_info().uncacheable == 3
    (said,) = warnings_of(caplog)
    assert type(values[0]).__qualname__ in said


class Broken:
    """A serializer and a compressor whose verbs do as told."""

    name = "broken"

    def __init__(self, answer):
        self._answer = answer

    def work(self, data, *size):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    dumps = loads = compress = decompress = work


@pytest.mark.parametrize("l1_enabled", [True, False], ids=["with L1", "without L1"])
@pytest.mark.parametrize("option", ["serializer", "compressor"])
@pytest.mark.parametrize("answer", [ValueError("broken"), "text", None, 7], ids=repr)
def test_a_broken_codec_fails_no_call(form, caplog, option, answer, l1_enabled):
    """A serializer or compressor that raises, or returns no bytes, is the cache's failure."""
    function = form.function(lambda n: ["a" * 1000])
    cached = cache(backend=MemoryBackend(), l1_enabled=l1_enabled, **{option: Broken(answer)})(function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [["a" * 1000]] * 2
    assert form.call(cached.refresh, 1) == ["a" * 1000]
    assert len(warnings_of(caplog)) == 1


class Unreadable(Broken):
    """Writes well, and reads as told."""

    def dumps(self, value):
        return b"written"

    def compress(self, data):
        return b"written"


@pytest.mark.parametrize("option", ["serializer", "compressor"])
@pytest.mark.parametrize("error", [ValueError("broken"), RecursionError(), MemoryError()], ids=repr)
def test_a_codec_that_cannot_read_fails_no_call(form, caplog, option, error):
    """An entry that cannot be decoded is a miss: counted, said once, and the function runs."""
    function = form.function(lambda n: ["a" * 1000])
    cached = cache(backend=MemoryBackend(), l1_enabled=False, **{option: Unreadable(error)})(function)
    assert [form.call(cached, 1) for _ in range(3)] == [["a" * 1000]] * 3
    assert function.ran == [1, 1, 1]
    assert sum(cached.cache_info().unread.values()) == 2
    assert len(warnings_of(caplog)) == 1


def test_a_value_larger_than_l1_is_not_kept_there(form, caplog):
    """It is returned, counted, and said once; what was there before stays."""
    function = form.function(lambda n: "x" * n)
    cached = cache(backend=None, l1=L1CacheConfig(max_size_mb=1))(function)
    form.call(cached, 1)
    for _ in range(2):
        assert len(form.call(cached, 2 << 20)) == 2 << 20
    form.call(cached, 1)
    assert function.ran == [1, 2 << 20, 2 << 20]
    assert cached.cache_info().uncacheable == 2
    (said,) = warnings_of(caplog)
    assert "max_size_mb=1" in said


class Fragile:
    """Copies once: into L1, and not out of it."""

    def __init__(self):
        self.parts = [1]

    def __deepcopy__(self, memo):
        copied = Torn()
        copied.parts = self.parts
        return copied


class Torn(Fragile):
    def __deepcopy__(self, memo):
        raise RuntimeError("torn")


def test_an_entry_of_l1_that_cannot_be_copied_is_a_miss(form, caplog):
    """The value's own code raises: the function runs, and it is counted and said once."""
    function = form.function(lambda n: Fragile())
    cached = cache(backend=None)(function)
    for _ in range(3):
        assert form.call(cached, 1).parts == [1]
    assert function.ran == [1, 1, 1]
    assert sum(cached.cache_info().unread.values()) >= 2
    assert len(warnings_of(caplog)) == 1


class Keyless:
    def __cache_key__(self):
        raise LookupError("no key today")


def test_an_argument_whose_own_key_raises_fails_no_call(form, caplog):
    """`__cache_key__` is user code too: the function runs uncached, counted and said once."""
    function = form.function(lambda argument: "value")
    cached = cache(backend=None)(function)
    argument = Keyless()
    assert [form.call(cached, argument), form.call(cached, argument)] == ["value", "value"]
    assert function.ran == [argument, argument]
    assert cached.cache_info().uncacheable == 2
    assert len(warnings_of(caplog)) == 1
