"""Values whose own code raises, values that cannot be kept, and bytes made to harm: the call has its value, and nothing stays behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from forms import FORMS, FiveVerbs, Form

LAYERS = pytest.mark.parametrize("options", [{"backend": None}, {}, {"l1_enabled": False}], ids=["L1", "L1+L2", "L2"])


def with_backend(options: dict[str, Any]) -> dict[str, Any]:
    return {"backend": MemoryBackend(), **options}


class NoSize:
    def __sizeof__(self) -> int:
        raise ValueError("no size")


class Watched:
    """Nothing that encodes, and something to watch."""


@LAYERS
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_value_without_a_size(form: Form, options: dict[str, Any]) -> None:
    """A value whose __sizeof__ raises is returned, and kept where it would be kept with a size."""
    function = cache(**with_backend(options))(form.function(lambda n: NoSize()))
    assert type(form.call(function, 1)) is NoSize
    assert function.cache_info().uncacheable == (with_backend(options)["backend"] is not None)


def test_a_value_whose_class_cannot_be_asked() -> None:
    """A value whose __class__ raises, as a proxy's outside of its request, is returned."""

    class Unbound:
        @property
        def __class__(self) -> Any:
            raise RuntimeError("outside of a request")

    @cache(backend=None)
    def unbound() -> Unbound:
        return Unbound()

    assert type(unbound()) is Unbound


@LAYERS
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_dead_proxy_as_an_argument(form: Form, options: dict[str, Any]) -> None:
    """A call with a weakref.proxy of what is gone runs the function, uncached."""
    gone = weakref.proxy(Watched())
    function = cache(**with_backend(options))(form.function(lambda proxy: 7))
    assert form.call(function, gone) == 7
    assert function.cache_info().uncacheable == 1


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_bulk_read_that_fails_when_it_is_looked_at(form: Form) -> None:
    """A backend whose get_many returns something lazy that raises has failed, and the call goes on."""

    class Lazy:
        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Iterator[bytes]:
            raise OSError("lazy")

    class LazyBackend(FiveVerbs):
        def get_many(self, keys: Any) -> Any:
            return Lazy()

    function = cache(backend=LazyBackend())(form.function())
    assert form.call(function, 1) == 10
    assert function.cache_info().backend_errors == 1


@LAYERS
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_value_that_is_not_cached_goes_at_once(form: Form, options: dict[str, Any]) -> None:
    """With the garbage collector off, a value that was returned goes when its caller lets go of it."""
    function = cache(**with_backend(options))(form.function(lambda n: Watched()))
    form.call(function, 0)  # what is done once, at the first call
    gc.collect()
    gc.disable()
    try:
        value = form.call(function, 1)
        watched = weakref.ref(value)
        del value
        assert watched() is None
    finally:
        gc.enable()


@LAYERS
def test_what_a_function_held_when_it_raised_goes_at_once(options: dict[str, Any]) -> None:
    """With the garbage collector off, the locals of a function that raised go when its exception does."""
    watched: list[Any] = []

    @cache(**with_backend(options))
    def failing(n: int) -> None:
        held = Watched()
        watched.append(weakref.ref(held))
        raise ValueError(n)

    gc.disable()
    try:
        for n in range(2):
            with pytest.raises(ValueError, match=str(n)):
                failing(n)
        assert watched[0]() is None, "the first call's, whose exception pytest no longer holds"
    finally:
        gc.enable()


DEEP_BYTES = """
import struct
from cachekit.builtin import tags
from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError

def extension(tag, data):
    return b"\\xc9" + struct.pack(">Ib", len(data), tag) + data

std, hostile = StdSerializer(), []
for tag in range(-1, 128):
    nested = b"\\xc0"
    for _ in range(20):
        nested = extension(tag, b"\\x91" * 1000 + nested)
    hostile.append(nested)
for tag in tags.MARKS:
    for depth in (900, 1000, 1100, 100_000):
        hostile.append((b"\\x92" + extension(tag, b"")) * depth + b"\\xc0")
for data in hostile:
    try:
        std.loads(data)
    except DecodeError:
        pass
print("alive")
"""

DEEP_VALUES = """
from cachekit.builtin.std import StdSerializer
from cachekit.errors import SerializationError

std, refused = StdSerializer(), 0
for wraps in ([lambda v: [v]], [lambda v: (v,)], [lambda v: {1: v}], [lambda v: [v]] * 50 + [lambda v: (v,)]):
    for depth in (10, 100, 200, 240, 260, 500, 1000, 5000, 100_000):
        value = 1
        for i in range(depth):
            value = wraps[i % len(wraps)](value)
        try:
            data = std.dumps(value)
        except SerializationError:
            refused += 1
        else:
            assert std.dumps(std.loads(data)) == data, depth
assert refused, "the deepest are refused"
print("alive")
"""


@pytest.mark.parametrize("program", [DEEP_BYTES, DEEP_VALUES], ids=["bytes", "values"])
def test_no_depth_ends_the_process(program: str) -> None:
    """Bytes and values that nest without measure are refused, what is written can be read, and the process lives on."""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stdout.strip()) == (0, "alive"), ended.stderr[-1000:]
