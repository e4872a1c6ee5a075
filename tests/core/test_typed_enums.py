"""Members of enums that an annotation names come back themselves, wherever the class was made; and as plain values once it is gone."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest

from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError, SerializationError
from models import Access, Color, Size, Word


def local() -> Any:
    """An enum that no module knows."""

    class Mood(enum.Enum):
        GOOD = "good"
        WELL = "good"  # noqa: PIE796 - an alias
        BAD = (1, 2)

    return Mood


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: [m], lambda m: {m: (m,)}, lambda m: {"a": {m}}])
def test_members_of_a_local_enum_come_back_themselves(wrap: Any) -> None:
    """The same objects, at any nesting; without the annotation they are refused, and their bytes a miss."""
    mood = local()
    std = StdSerializer().for_annotation(mood)
    for member in (mood.GOOD, mood.WELL, mood.BAD):
        assert std.loads(std.dumps(wrap(member))) == wrap(member)
        with pytest.raises(SerializationError, match="top of a module"):
            StdSerializer().dumps(wrap(member))
        for other in (StdSerializer(), StdSerializer().for_annotation(Color)):
            with pytest.raises(DecodeError):
                other.loads(std.dumps(wrap(member)))
    assert std.loads(std.dumps(mood.GOOD)) is mood.GOOD


@pytest.mark.parametrize("member", [Color.RED, Size.SMALL, Word.YES, Access.READ, Access.READ | Access.WRITE])
def test_members_of_a_modules_enum_come_back_themselves(member: Any) -> None:
    """By the annotation, and by their place where it does not name them."""
    for annotation in (type(member), list[Size | Color], Any):
        std = StdSerializer().for_annotation(annotation)
        assert std.loads(std.dumps([member]))[0] is member


def test_members_read_as_plain_values_once_their_class_is_gone() -> None:
    """Their value if it is a text or a number, else their name: what `migrate=` is given."""
    mood = local()
    holder = dataclasses.make_dataclass("Holder", [("mood", mood), ("moods", list[mood])])
    data = StdSerializer().for_annotation(holder).dumps(holder(mood.GOOD, [mood.BAD]))
    del mood, holder
    assert StdSerializer().loads_plain(data) == {"mood": "good", "moods": ["BAD"]}


def test_what_was_written_by_its_place_is_still_read() -> None:
    """Entries of who did not name the enum, by who does."""
    assert StdSerializer().for_annotation(Color).loads(StdSerializer().dumps([Color.RED])) == [Color.RED]
