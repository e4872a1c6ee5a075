"""A time to live as users write it."""

from __future__ import annotations

import datetime as dt
import math
import re

from .contracts import FOREVER
from .errors import ConfigurationError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)\s*")
_TAKES = 'takes seconds, a timedelta or text such as "5m" (units ms, s, m, h, d, w); more than 0, at most 100 years; None for no expiry'


def parse_ttl(ttl: object) -> float | None:
    """Seconds, or None for no expiry.

    Raises:
        ConfigurationError: anything else than a positive number of seconds, a positive
            timedelta, or text such as ``"5m"`` or ``"1h30m"``.

    Example:
        >>> parse_ttl("1h30m"), parse_ttl(None)
        (5400.0, None)
    """
    if ttl is None:
        return None
    seconds = _seconds(ttl)
    if seconds is None or not (math.isfinite(seconds) and 0 < seconds <= FOREVER):
        raise ConfigurationError.of("ttl", ttl, _TAKES)
    return seconds


def _seconds(ttl: object) -> float | None:
    if isinstance(ttl, dt.timedelta):
        return ttl.total_seconds()
    if isinstance(ttl, int | float) and not isinstance(ttl, bool):
        return float(ttl) if abs(ttl) <= 1e300 else math.inf  # a larger int does not convert
    if isinstance(ttl, str):
        parts = _PART.findall(ttl)
        if parts and _PART.sub("", ttl) == "":
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return None
