"""An extension teaches `std` a class, and what lies within its instances still comes back as it was."""

from __future__ import annotations

import pytest

from cachekit.builtin import tags
from cachekit.builtin.extension import Extension, mark
from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError, SerializationError
from corpus import Spot, exactly

asked: list[type] = []


def encoder(cls):
    asked.append(cls)
    return (lambda spot: [mark(tags.TYPED), spot.x, spot.y]) if cls is Spot else None


SPOTS = Extension(encoder, {tags.TYPED: lambda items: Spot(*items)})


@pytest.mark.parametrize("within", [bytearray(b"1"), [bytearray(b"1")], {"a": ({1: bytearray(b"2")},)}, "\ud800", 2**70, Spot(1, {2})])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v, 1.5], lambda v: {1: (v,)}, lambda v: {"a": {"b": v}}])
@pytest.mark.parametrize("last", [b"1", 1, [b"1"]])
def test_what_lies_within_comes_back_as_it_was(wrap, within, last):
    """A bytearray is no bytes there either."""
    value = wrap(Spot(within, last))
    std = StdSerializer(extensions=(SPOTS,))
    assert exactly(std.loads(std.dumps(value))) == exactly(value)


def test_a_class_is_asked_for_once():
    """Whether it is known or not; without the extension the bytes are not understood."""
    asked.clear()
    std = StdSerializer(extensions=(SPOTS,))
    data = std.dumps([Spot(1, 2), Spot(3, 4)])
    for _ in range(2):
        with pytest.raises(SerializationError, match="object is not a type"):
            std.dumps([object()])
    assert asked == [Spot, object]
    with pytest.raises(DecodeError, match="not understood"):
        StdSerializer().loads(data)
