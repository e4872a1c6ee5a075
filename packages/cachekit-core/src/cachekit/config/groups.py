"""The decorator's option groups: frozen, checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class L1CacheConfig:
    """The in-process layer (L1) of the functions that are given it, and their budget of memory.

    One object is one budget: the functions that are given the same object share it, and the
    functions that are given none share the default one. Two objects are two budgets, even
    when their numbers are equal.

    Parameters:
        enabled: False leaves L1 out; every hit then comes from the backend.
        max_size_mb: the budget in MiB, 1 or more. Values and our own bookkeeping count.
        swr_enabled: a value past its threshold is returned at once, and computed anew in the
            background (stale-while-revalidate).
        swr_threshold_ratio: the threshold, as a part of the TTL; 0.1 to 1.0, give or take 10 %
            so that entries made together are not computed together. 1.0: never before the TTL ends.
        invalidation_enabled: whether invalidations are told to, and heard from, the other
            processes whose backend can broadcast.
        namespace_index: whether a function's entries are removed at once, whatever their number,
            and their memory is given back a few at each insert; False removes one after the other.
        copy: whether each caller gets a value of its own. False hands all callers one object,
            which is faster, and which none of them may change.

    Raises:
        ConfigurationError: a value of the wrong type or out of range.

    Example:
        >>> from cachekit import cache
        >>> from cachekit.config import L1CacheConfig
        >>> small = L1CacheConfig(max_size_mb=10)
        >>> @cache(l1=small, backend=None)
        ... def double(n: int) -> int:
        ...     return 2 * n
        >>> double(4)
        8
    """

    enabled: bool = True
    max_size_mb: int = 100
    swr_enabled: bool = True
    swr_threshold_ratio: float = 0.5
    invalidation_enabled: bool = True
    namespace_index: bool = True
    copy: bool = True

    def __post_init__(self) -> None:
        for name in ("enabled", "swr_enabled", "invalidation_enabled", "namespace_index", "copy"):
            self._check(name, isinstance(getattr(self, name), bool), "takes True or False")
        size, ratio = self.max_size_mb, self.swr_threshold_ratio
        self._check("max_size_mb", _is_number(size, int) and size >= 1, "takes a whole number of MiB, 1 or more")
        self._check("swr_threshold_ratio", _is_number(ratio, int, float) and 0.1 <= ratio <= 1.0, "takes a number from 0.1 to 1.0")

    def _check(self, name: str, holds: bool, takes: str) -> None:
        if not holds:
            raise ConfigurationError.of(f"L1CacheConfig.{name}", getattr(self, name), takes)


def _is_number(value: Any, *classes: type) -> bool:
    return isinstance(value, classes) and not isinstance(value, bool)
