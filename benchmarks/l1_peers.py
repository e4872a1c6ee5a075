"""Other libraries' decorators, set to do what ours does: a TTL, a bound, safe in threads. Only those that are installed."""

from __future__ import annotations

import datetime as dt
import functools
import importlib.util
import threading
from collections.abc import Callable
from typing import Any

Decorate = Callable[[Callable[..., Any]], Callable[..., Any]]

TTL = 3600
ENTRIES = 20_000


def decorators(entries: int = ENTRIES) -> dict[str, Decorate]:
    """Each library's decorator over a new cache of so many *entries*."""
    made = {name: make for name, make in _DECORATORS.items() if name == "lru_cache" or _is_installed(name)}
    return {name: make(entries) for name, make in made.items()}


def sharing_cachebox() -> Decorate:
    """cachebox told to hand out the very object that it holds."""
    import cachebox

    return cachebox.cached(cachebox.TTLCache(ENTRIES, TTL), postprocess=None)


def _lru_cache(entries: int) -> Decorate:
    return functools.lru_cache(maxsize=entries)


def _cachebox(entries: int) -> Decorate:
    import cachebox

    return cachebox.cached(cachebox.TTLCache(entries, TTL))


def _moka(entries: int) -> Decorate:
    import moka_py

    return moka_py.cached(maxsize=entries, ttl=TTL)


def _cachetools(entries: int) -> Decorate:
    import cachetools

    return cachetools.cached(cachetools.TTLCache(entries, TTL), lock=threading.Lock())


def _theine(entries: int) -> Decorate:
    import theine

    return theine.Memoize(entries, dt.timedelta(seconds=TTL))


_DECORATORS: dict[str, Callable[[int], Decorate]] = {
    "lru_cache": _lru_cache,
    "cachebox": _cachebox,
    "moka-py": _moka,
    "cachetools": _cachetools,
    "theine": _theine,
}
NAMES = tuple(_DECORATORS)
FOR_COROUTINES = ("cachebox", "moka-py", "theine")


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name.replace("-", "_")) is not None
