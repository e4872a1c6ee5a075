"""The serializers that come with cachekit, to make and pass as ``serializer=``; each also goes by its name.

Example:
    >>> from cachekit import cache
    >>> from cachekit.serializers import StdSerializer
    >>> @cache(ttl=60, backend=None, serializer=StdSerializer())
    ... def double(n: int) -> int:
    ...     return 2 * n
    >>> double(21)
    42
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builtin.arrow import ArrowSerializer
    from .builtin.auto import AutoSerializer
    from .builtin.pickled import PickleSerializer
    from .builtin.plain_json import OrjsonSerializer
    from .builtin.std import StdSerializer
    from .builtin.typed_msgpack import MsgspecSerializer

__all__ = ["ArrowSerializer", "AutoSerializer", "MsgspecSerializer", "OrjsonSerializer", "PickleSerializer", "StdSerializer"]

_ROOMS = {
    "ArrowSerializer": "arrow",
    "AutoSerializer": "auto",
    "MsgspecSerializer": "typed_msgpack",
    "OrjsonSerializer": "plain_json",
    "PickleSerializer": "pickled",
    "StdSerializer": "std",
}


def __getattr__(name: str) -> Any:
    # Each brings its library with it, so it waits until it is asked for.
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".builtin.{_ROOMS[name]}", __package__), name)
