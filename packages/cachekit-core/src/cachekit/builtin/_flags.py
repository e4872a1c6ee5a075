"""Members of enums and combinations of flags, found without running what their class defines."""

from __future__ import annotations

import enum
from typing import Any, Final

_MOST_COMBINATIONS: Final = 10_000  # Python keeps each combination of flags it ever made


def named_bits(cls: Any, number: int) -> dict[str, int]:
    """The members of a flag's *cls* that are bits of *number*, with their bits: what the number means."""
    members = {name: member._value_ for name, member in cls.__members__.items()}
    return {name: bit for name, bit in members.items() if bit > 0 and not bit & (bit - 1) and number & bit}


def combination(cls: Any, number: int) -> Any:
    """What *number* is a combination of, or None if there are more combinations already than Python should keep.

    The class's own `_missing_` is not asked, since it may do anything.
    """
    known = cls._value2member_map_
    if number in known:
        return known[number]
    return None if len(known) >= _MOST_COMBINATIONS else enum.Flag._missing_.__func__(cls, number)  # type: ignore[attr-defined]
