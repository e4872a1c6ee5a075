"""The one scale of compression levels."""

from __future__ import annotations

from ..errors import ConfigurationError


def checked_level(level: int) -> int:
    """*level* if it is a whole number from 1, the fastest, to 9, the smallest."""
    if type(level) is not int or not 1 <= level <= 9:
        raise ConfigurationError.of("level", level, "takes a whole number from 1, the fastest, to 9, the smallest")
    return level
