"""Bytes that claim to be an instance make nothing but what the annotation names, whole; and older data reads as plain values."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest

from cachekit.builtin import tags
from cachekit.builtin.std import StdSerializer
from cachekit.builtin.typed import PLAIN_DECODERS, extension_for
from cachekit.errors import DecodeError
from models import Access, Color, Event, Loose, Model, Options, Page, Pair, Point, Row, User

MARK = bytes([0xC7, 0, tags.TYPED])


def std(annotation: Any) -> StdSerializer:
    return StdSerializer().for_annotation(annotation)


@dataclasses.dataclass
class Small:
    a: int
    b: int = 0


HOSTILE: dict[str, tuple[Any, list[Any]]] = {
    "nothing": (Small, []),
    "a name alone": (Small, ["Small"]),
    "too much": (Small, ["Small", {"a": 1, "b": 2}, {}, 1]),
    "no name": (Small, [["Small"], {"a": 1, "b": 2}]),
    "another class": (Small, ["User", {}]),
    "a missing field": (Small, ["Small", {"a": 1}]),
    "an unknown field": (Small, ["Small", {"a": 1, "b": 2, "c": 3}]),
    "a dunder": (Small, ["Small", {"a": 1, "__class__": 2}]),
    "other fields": (Small, ["Small", {"a": 1, "c": 3}]),
    "keys of another type": (Small, ["Small", {1: 1, "a": 2}]),
    "no dict": (Small, ["Small", [1, 2]]),
    "set and unset": (Small, ["Small", {"a": 1, "b": 2}, {"unset": ["b"]}]),
    "unset twice": (Small, ["Small", {}, {"unset": ["b", "b"]}]),
    "unset of another type": (Small, ["Small", {"a": 1, "b": 2}, {"unset": {}}]),
    "unset of lists": (Small, ["Small", {"a": 1}, {"unset": [["b"]]}]),
    "unknown state": (Small, ["Small", {"a": 1, "b": 2}, {"private": {}}]),
    "state that is no dict": (Small, ["Small", {"a": 1, "b": 2}, [1]]),
    "an extra of another type": (Loose, ["Loose", {"a": 1}, {"extra": [1]}]),
    "an extra with other keys": (Loose, ["Loose", {"a": 1}, {"extra": {1: 1}}]),
    "fields set of another type": (Loose, ["Loose", {"a": 1}, {"set": [1]}]),
    "no extra where it is kept": (Loose, ["Loose", {"a": 1}]),
    "no extra, but state": (Loose, ["Loose", {"a": 1}, {"set": []}]),
    "no private attributes": (Model, ["Model", {"id": 1, "color": None, "friends": []}]),
    "private of another type": (Loose, ["Loose", {"a": 1}, {"private": 1}]),
    "a named tuple cut short": (Pair, ["Pair", {"left": 1}]),
    "a named tuple unset": (Row, ["Row", {"a": 1}, {"unset": ["b"]}]),
    "a struct cut short": (Event, ["Event", {"name": "a"}]),
    "an unknown member": (Color, ["Color", "GREEN"]),
    "a dunder as member": (Color, ["Color", "__class__"]),
    "a number for an enum": (Color, ["Color", 1]),
    "a list for an enum": (Color, ["Color", [1]]),
    "unknown bits": (Access, ["Access", 64]),
    "negative bits": (Access, ["Access", -1]),
    "a huge number": (Access, ["Access", 2**80]),
    "a dict's class": (list[Options] | User, ["Options", {}]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes_make_nothing(case: str) -> None:
    """A miss with its reason, never another error and never an instance."""
    annotation, items = HOSTILE[case]
    plain = StdSerializer().dumps([(), *items])
    empty_tuple = StdSerializer().dumps(())
    assert plain[1:].startswith(empty_tuple)
    with pytest.raises(DecodeError):
        std(annotation | User).loads(plain.replace(empty_tuple, MARK, 1))


def test_combinations_of_flags_are_not_made_without_end() -> None:
    """Python keeps each for good, so bytes may make some thousands and no more."""
    many = enum.Flag("many", [f"bit{n}" for n in range(20)])
    extension = extension_for(many)
    assert extension is not None
    read = extension.decoders[tags.TYPED]
    assert read(["many", 3]) is many(3)
    with pytest.raises(DecodeError):
        for number in range(20_000):
            read(["many", number])
    assert len(many._value2member_map_) < 11_000


def test_plain_reads_need_no_class() -> None:
    """Instances are dicts of their fields, with pydantic's extra; members of enums are their values."""
    read = PLAIN_DECODERS[tags.TYPED]
    assert read(["Gone", {"a": 1}]) == {"a": 1}
    assert read(["Gone", {"a": 1}, {"unset": ["b"], "extra": {"c": 2}}]) == {"a": 1, "c": 2}
    assert read(["Gone", "RED", "red"]) == "red"
    assert read(["Gone", "BLUE"]) == "BLUE"
    assert read(["Gone", 3]) == 3
    for items in ([], ["Gone"], ["Gone", {}, {}, {}], [1, {}]):
        with pytest.raises(DecodeError):
            read(items)


def test_plain_reads_through_std() -> None:
    """Whatever nests in whatever."""
    serializer = std(Page[User] | Pair)
    data = serializer.dumps([Pair(Point(x=1.0)), Page([1])])
    assert serializer.loads_plain(data)[1] == {"items": [1], "following": None}
    assert serializer.loads_plain(data)[0]["left"]["x"] == 1.0
