"""What decorating gives, as type checkers see it: the function's own signature, with the verbs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from ._report import CacheInfo, Invalidation

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class CachedFunction(Protocol[P, R_co]):
    """A decorated function. Called, it is the function; it also carries its cache's verbs.

    Of a coroutine function `refresh`, `invalidate_cache` and `cache_clear` are awaited.
    """

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[P, R_co]:
        """The function without its cache."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    # Type checkers hand a decorator above @classmethod or @staticmethod the bare function, so its
    # first parameter tells what it binds to: the class, the object, or (a static method) nothing.
    @overload
    def __get__(self: _TakesFirst[T, Q, R], instance: object, owner: T, /) -> CachedFunction[Q, R]: ...
    @overload
    def __get__(self: _TakesFirst[T, Q, R], instance: T, owner: type | None = None, /) -> CachedFunction[Q, R]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> CachedFunction[P, R_co]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The wire key of a call, the same in every process."""
        ...

    # A coroutine is an R too, so the overloads of these two overlap: the first is the coroutine functions'.
    @overload
    def invalidate_cache(  # type: ignore[overload-overlap]
        self: CachedFunction[P, Coroutine[Any, Any, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Invalidation]: ...
    @overload
    def invalidate_cache(self, *args: P.args, **kwargs: P.kwargs) -> Invalidation:
        """Remove one call's entry from every layer."""
        ...

    @overload
    def cache_clear(  # type: ignore[overload-overlap]
        self: CachedFunction[P, Coroutine[Any, Any, Any]],
    ) -> Coroutine[Any, Any, Invalidation]: ...
    @overload
    def cache_clear(self) -> Invalidation:
        """Remove this function's entries from every layer."""
        ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function, store its value in every layer, and return it."""
        ...

    def cache_info(self) -> CacheInfo:
        """This function's counts in this process."""
        ...


class _TakesFirst(Protocol[T_contra, P, R_co]):
    """A function with its first parameter told apart."""

    def __call__(self, first: T_contra, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class Decorate(Protocol):
    """What decorates: turns a function into a cached one."""

    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...
