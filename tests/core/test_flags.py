"""Combinations of flags that no annotation names mean what they meant, or are a miss; and no code of their class runs."""

from __future__ import annotations

import enum
import sys
import types
from typing import Any

import pytest

from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError

std = StdSerializer()
KINDS = pytest.mark.parametrize("kind", [enum.Flag, enum.IntFlag], ids=lambda kind: kind.__name__)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a class of some members in the place of the last."""
    module = types.ModuleType("deployed_flags")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def deployed(kind: Any, **members: int) -> Any:
        vars(module)["Right"] = kind("Right", members, module=module.__name__)
        return vars(module)["Right"]

    return deployed


@KINDS
@pytest.mark.parametrize("members", [{"READ": 1, "ADMIN": 2, "WRITE": 4}, {"READ": 2, "WRITE": 1}, {"READ": 1}, {"READ": 1, "SEND": 2}])
def test_renumbered_flags_are_a_miss(kind: Any, members: dict[str, int], deployed: Any) -> None:
    """A member inserted, swapped, removed or renamed: never another combination than was stored."""
    before = deployed(kind, READ=1, WRITE=2)
    data = std.dumps([before.READ | before.WRITE])
    deployed(kind, **members)
    with pytest.raises(DecodeError) as error:
        std.loads(data)
    assert error.value.reason == "unknown type"


@KINDS
@pytest.mark.parametrize("members", [{"READ": 1, "WRITE": 2, "SEND": 4}, {"READ": 1, "WRITE": 2, "BOTH": 3}, {"WRITE": 2, "READ": 1}])
def test_flags_of_the_same_bits_are_read(kind: Any, members: dict[str, int], deployed: Any) -> None:
    """Members that are new, named together, or written in another order change nothing."""
    before = deployed(kind, READ=1, WRITE=2)
    data = std.dumps([before.READ | before.WRITE, before(0)])
    after = deployed(kind, **members)
    assert std.loads(data) == [after(3), after(0)]


def test_bits_without_a_name_come_back(deployed: Any) -> None:
    """Of an IntFlag, until a member takes one."""
    right = deployed(enum.IntFlag, READ=1)
    data = std.dumps(right(9))
    assert std.loads(data) is right(9)
    deployed(enum.IntFlag, READ=1, SEND=8)
    with pytest.raises(DecodeError):
        std.loads(data)


class Watched(enum.IntFlag):
    READ = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        asked.append(value)
        return super()._missing_(value)


asked: list[object] = []


def test_no_code_of_the_class_runs_over_stored_numbers() -> None:
    """Neither over one that was stored, nor over one that was made up."""
    data = std.dumps(Watched(1 << 20))
    made_up = data.replace((1 << 20).to_bytes(4, "big"), (1 << 21).to_bytes(4, "big"))
    assert made_up != data
    asked.clear()
    assert std.loads(made_up)._value_ == 1 << 21
    assert std.loads(data) is Watched(1 << 20)
    assert asked == []


@pytest.mark.parametrize("number", [2**70, -5, 1 << 40])
def test_numbers_are_not_made_without_end(number: int, deployed: Any) -> None:
    """What has bits beyond 64, is negative, or comes after ten thousand others is a miss."""
    right = deployed(enum.IntFlag, READ=1)
    data = std.dumps([right(4), {}])
    for other in range(10_000 if number == 1 << 40 else 0):
        right(other << 2)
    read = std._reader._marks[17].decoder  # as hostile bytes would call it
    assert std.loads(data) == [right(4), {}]
    with pytest.raises(DecodeError):
        read(["deployed_flags", "Right", number, {}])
