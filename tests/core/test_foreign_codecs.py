"""Anybody's serializers and compressors: what they do wrong never fails a call, nor gives it a wrong value."""

from __future__ import annotations

import array
import hashlib

import pytest

from cachekit._codec import Codec
from cachekit.builtin.std import StdSerializer
from cachekit.builtin.zstd import ZstdCompressor
from cachekit.errors import ConfigurationError, DecodeError, SerializationError
from cachekit.testing import MemoryBackend

pytest_plugins = ("ways",)


class Another(StdSerializer):
    name = "another"


def codec(serializer):
    return Codec(serializer, ZstdCompressor(), integrity=True)


class Rogue:
    """A serializer or compressor of somebody's, whose methods do the wrong thing."""

    name = "rogue"

    def __init__(self, misdeed):
        self._misdeed = misdeed

    def _act(self, *_):
        if isinstance(self._misdeed, type) and issubclass(self._misdeed, Exception):
            raise self._misdeed("rogue")
        return self._misdeed

    dumps = loads = compress = decompress = _act


MISDEEDS = [ValueError, MemoryError, RecursionError, "text", None, 5, [1], object()]


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: getattr(misdeed, "__name__", type(misdeed).__name__))
def test_a_rogue_serializer_is_a_serialization_or_decode_error(misdeed):
    """Whatever it raises or returns."""
    rogue = codec(serializer=Rogue(misdeed))
    with pytest.raises(SerializationError):
        rogue.dumps([1])
    if isinstance(misdeed, type):
        with pytest.raises(DecodeError):
            rogue.loads(b"1")


@pytest.mark.parametrize("layers", [{"backend": None}, {}], ids=["L1 only", "over a backend"])
@pytest.mark.parametrize("part", ["serializer", "compressor"])
@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: getattr(misdeed, "__name__", type(misdeed).__name__))
def test_a_rogue_serializer_or_compressor_never_fails_the_function(way, layers, part, misdeed):
    """Its value is returned, and it is not cached rather than cached wrong."""
    options = {"backend": MemoryBackend()} | layers | {part: Rogue(misdeed)}
    function = way.cached(lambda value: [["x" * 1000, value]], **options)
    for _ in range(2):
        assert function(1) == [["x" * 1000, 1]]


@pytest.mark.parametrize("name", ["", "zürich", "a b", "x" * 300, "\ud800"])
def test_a_serializers_name_is_refused_or_works(way, name):
    """A name that the frame cannot carry is an error when decorating, not a miss for ever."""
    serializer = Another()
    serializer.name = name
    try:
        function = way.cached(lambda value: value, backend=MemoryBackend(), serializer=serializer, l1_enabled=False)
    except ConfigurationError as refusal:
        assert "serializer" in str(refusal)
        return
    assert function(1) == function(1) == 1
    assert function.info.l2_hits == 1


class Inverted(StdSerializer):
    """Somebody's serializer, which has inherited the way of buffers and knows nothing of it."""

    name = "inverted"

    def dumps(self, value):
        return bytes(255 - byte for byte in super().dumps(value))

    def loads(self, data):
        return super().loads(bytes(255 - byte for byte in data))


def test_a_subclass_that_changes_one_way_is_served_by_that_way(way):
    """An inherited capability does not go past what a subclass made of `dumps` and `loads`."""
    large = hashlib.shake_256(b"large").digest(100_000)
    function = way.cached(lambda _: large, backend=MemoryBackend(), l1_enabled=False, serializer=Inverted())
    assert function() == function() == large
    assert function.info.l2_hits == 1


class Viewed:
    """A serializer that hands over the value's own memory."""

    name = "viewed"

    def dumps(self, value):
        return bytes(value)

    def loads(self, data):
        return array.array("B", data)

    def dumps_buffers(self, value):
        return [memoryview(value)]

    loads_buffer = loads


def test_l1_holds_no_view_of_the_callers_value(way):
    """What a caller does to its value afterwards, no later caller sees."""
    function = way.cached(lambda _: array.array("B", b"abc"), backend=MemoryBackend(), serializer=Viewed())
    first = function()
    first[0] = 99
    assert function() == array.array("B", b"abc")
    assert function.info.l1_hits == 1
