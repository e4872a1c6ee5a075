"""Plain JSON, for readers elsewhere: only what JSON gives back exactly."""

from __future__ import annotations

import math
from typing import Any

from ..errors import DecodeError, SerializationError
from ._optional import library

_LEAVES = frozenset({str, int, bool, type(None)})

# Bytes of memory that one of these may cost, at most: measured, the parser's own included, and rounded up.
_COSTS = {b"[": 88, b"{": 88, b",": 56, b":": 144, b'"': 32}
_WORST = max(_COSTS.values()) + 5
_ASTRAL = (*(bytes([first]) for first in range(0xF0, 0xF5)), b"\\u")  # one such character makes a text four bytes each


class OrjsonSerializer:
    """JSON by orjson, as any other program would write and read it. Needs the extra ``cachekit-core[orjson]``.

    Takes what JSON gives back exactly, at any nesting up to 254 levels: None, bool, int from
    -2**63 to 2**64-1, finite float, str, list, dict with str keys. All else is refused.

    Parameters:
        max_bytes: what a value may take, in bytes. Text that could unfold to more than twice
            of that in memory is refused, when it is written as when it is read.

    Raises:
        ConfigurationError: the library is not installed.

    Example:
        >>> from cachekit.serializers import OrjsonSerializer
        >>> serializer = OrjsonSerializer()
        >>> serializer.dumps({"name": "Ada", "tags": [1, None]})
        b'{"name":"Ada","tags":[1,null]}'
    """

    name = "orjson"

    def __init__(self, *, max_bytes: int = 256 << 20) -> None:
        orjson = library("orjson", "the serializer 'orjson'")
        self._max_bytes = max_bytes
        self._dumps, self._loads = orjson.dumps, orjson.loads
        self._options = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

    @staticmethod
    def lossy(annotation: Any) -> str | None:
        """Why JSON could not give back values of *annotation* as they were, and what to do; or None."""
        from .._lossy import lossy_json

        return lossy_json(annotation)

    def dumps(self, value: Any) -> bytes:
        try:
            data: bytes = self._dumps(value, option=self._options)
        except TypeError as error:
            # The library's text where there is no more to say: too deep, too large an int, a lone surrogate.
            raise SerializationError(_refusal(value) or f"orjson: {error}; the serializer `std` may take it") from None
        refusal = _refusal(value)
        if refusal:
            raise SerializationError(refusal)
        if not _fits(data, self._max_bytes):
            raise SerializationError(
                f"{len(data)} bytes of JSON could take more than twice {self._max_bytes} bytes of memory when read; "
                "raise CACHEKIT_MAX_VALUE_SIZE_MB, or return less"
            )
        return data

    def loads(self, data: bytes) -> Any:
        if not _fits(data, self._max_bytes):
            raise DecodeError("too large", f"{len(data)} bytes of JSON could unfold to more than is allowed")
        try:
            return self._loads(data)
        except ValueError:
            raise DecodeError("corrupt", "not JSON") from None


def _refusal(value: Any) -> str | None:
    """Why *value* would not come back as it was, if anything in it says so."""
    todo, seen = [value], set()
    for item in todo:
        cls = type(item)
        if cls in _LEAVES:
            continue
        if cls is float and math.isfinite(item):
            continue
        if cls is not dict and cls is not list:
            return _refused("a float that is nan or infinite" if cls is float else f"{cls.__module__}.{cls.__qualname__}")
        if id(item) in seen:  # it may contain itself
            continue
        seen.add(id(item))
        if cls is dict and any(type(key) is not str for key in item):
            odd = next(type(key).__qualname__ for key in item if type(key) is not str)
            return _refused(f"a dict key of type {odd}")
        todo += item if cls is list else item.values()
    return None


def _refused(what: str) -> str:
    return f"{what} has no form in JSON that comes back as it was; return plain data, or use the serializer `std`"


def _fits(data: bytes, max_bytes: int) -> bool:
    """Whether *data* is at most *max_bytes*, and reading it takes at most twice as much memory."""
    size, limit = len(data), 2 * max_bytes
    if size > max_bytes:
        return False
    if size * _WORST <= limit:
        return True
    widest = 1 if data.isascii() and b"\\u" not in data else 4 if any(mark in data for mark in _ASTRAL) else 2
    return size * (1 + widest) + sum(cost * data.count(mark) for mark, cost in _COSTS.items()) <= limit
