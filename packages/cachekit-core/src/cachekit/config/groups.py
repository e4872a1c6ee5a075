"""The decorator's option groups: frozen, checked when made."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class L1CacheConfig:
    """A budget of memory for the in-process layer (L1).

    One object is one budget: the functions that are given the same object share it, and the
    functions that are given none share the default one. Two objects are two budgets, even
    when their numbers are equal.

    Parameters:
        enabled: False leaves L1 out; every hit then comes from the backend.
        max_size_mb: the budget in MiB, 1 or more. Values and our own bookkeeping count.

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

    def __post_init__(self) -> None:
        if not isinstance(self.enabled, bool):
            raise ConfigurationError.of("L1CacheConfig.enabled", self.enabled, "takes True or False")
        if not isinstance(self.max_size_mb, int) or isinstance(self.max_size_mb, bool) or self.max_size_mb < 1:
            raise ConfigurationError.of("L1CacheConfig.max_size_mb", self.max_size_mb, "takes a whole number of MiB, 1 or more")
