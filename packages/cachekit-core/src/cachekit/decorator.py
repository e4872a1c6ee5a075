"""The typed `cache` object: `@cache`, `@cache(...)`, and the intents `@cache.minimal`, `.test`, `.dev`, `.production`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from ._options import policy_of
from .errors import UnsupportedFunctionError, shown
from .presets import UNSET, Intent, Policy

if TYPE_CHECKING:
    import datetime as dt

    from ._report import CacheInfo, Invalidation
    from .config import L1CacheConfig
    from .contracts import Backend, Compressor, Serializer

    Ttl = float | str | dt.timedelta | None

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


# -- what decorating gives, for type checkers ------------------------------------------------


class CachedFunction(Protocol[P, R_co]):
    """A decorated function. Called, it is the function; it also carries its cache's verbs."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[P, R_co]:
        """The function without its cache."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> CachedFunction[P, R_co]: ...
    @overload
    def __get__(
        self: CachedFunction[Concatenate[Any, Q], R_co], instance: object, owner: type | None = None, /
    ) -> CachedFunction[Q, R_co]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The wire key of a call, the same in every process."""
        ...

    def invalidate_cache(self, *args: P.args, **kwargs: P.kwargs) -> Invalidation:
        """Remove one call's entry from every layer."""
        ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function, store its value in every layer, and return it."""
        ...

    def cache_info(self) -> CacheInfo:
        """This function's counts in this process."""
        ...

    def cache_clear(self) -> Invalidation:
        """Remove this function's entries from every layer."""
        ...


class CachedAsyncFunction(Protocol[P, R]):
    """A decorated coroutine function; the verbs that do I/O are awaited."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[P, Coroutine[Any, Any, R]]:
        """The coroutine function without its cache."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> CachedAsyncFunction[P, R]: ...
    @overload
    def __get__(
        self: CachedAsyncFunction[Concatenate[Any, Q], R], instance: object, owner: type | None = None, /
    ) -> CachedAsyncFunction[Q, R]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The wire key of a call, the same in every process."""
        ...

    async def invalidate_cache(self, *args: P.args, **kwargs: P.kwargs) -> Invalidation:
        """Remove one call's entry from every layer."""
        ...

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, store its value in every layer, and return it."""
        ...

    def cache_info(self) -> CacheInfo:
        """This function's counts in this process."""
        ...

    async def cache_clear(self) -> Invalidation:
        """Remove this function's entries from every layer."""
        ...


class Decorate(Protocol):
    """What decorates: turns a function, or what `classmethod` or `staticmethod` made of one, into a cached one."""

    @overload
    def __call__(self, function: classmethod[Any, P, Coroutine[Any, Any, R]], /) -> BoundToClass[CachedAsyncFunction[P, R]]: ...
    @overload
    def __call__(self, function: classmethod[Any, P, R], /) -> BoundToClass[CachedFunction[P, R]]: ...
    @overload
    def __call__(self, function: staticmethod[P, Coroutine[Any, Any, R]], /) -> BoundToClass[CachedAsyncFunction[P, R]]: ...
    @overload
    def __call__(self, function: staticmethod[P, R], /) -> BoundToClass[CachedFunction[P, R]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> CachedAsyncFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


class BoundToClass(Protocol[R_co]):
    """A cached class or static method in its class body."""

    def __get__(self, instance: object, owner: type | None = None, /) -> R_co: ...


# -- decorating ------------------------------------------------------------------------------


class CacheDecorator:
    """One intent: decorates with its preset, and takes options that replace fields of it."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent

    def __repr__(self) -> str:
        return "cache" if self._intent == "default" else f"cache.{self._intent}"

    @overload
    def __call__(self, function: classmethod[Any, P, Coroutine[Any, Any, R]], /) -> BoundToClass[CachedAsyncFunction[P, R]]: ...
    @overload
    def __call__(self, function: classmethod[Any, P, R], /) -> BoundToClass[CachedFunction[P, R]]: ...
    @overload
    def __call__(self, function: staticmethod[P, Coroutine[Any, Any, R]], /) -> BoundToClass[CachedAsyncFunction[P, R]]: ...
    @overload
    def __call__(self, function: staticmethod[P, R], /) -> BoundToClass[CachedFunction[P, R]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> CachedAsyncFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...
    @overload
    def __call__(
        self,
        *,
        ttl: Ttl = ...,
        namespace: str = ...,
        backend: Backend | str | None = ...,
        l1: L1CacheConfig = ...,
        l1_enabled: bool = ...,
        serializer: str | Serializer = ...,
        compressor: str | Compressor = ...,
        key: Callable[..., Any] | None = ...,
        ignore: tuple[str, ...] | str = ...,
        version: int | str | None = ...,
        integrity_checking: bool = ...,
    ) -> Decorate: ...

    def __call__(self, function: Any = UNSET, /, **options: Any) -> Any:
        """Cache a function's values.

        Parameters:
            ttl: how long a value holds: seconds, a `timedelta`, or text such as ``"5m"``; more
                than 0, at most 100 years. Omitted: ``CACHEKIT_DEFAULT_TTL`` (3600). None: no expiry.
            namespace: groups functions; letters, digits and ``_ . : / -``, up to 100 of them.
            backend: the L2: an object with the five verbs of `cachekit.contracts.Backend`, an
                installed name such as ``"redis"``, or None for this process's memory only.
                Omitted: the default backend, then the environment's.
            l1: the memory budget; functions given one `L1CacheConfig` object share it.
            l1_enabled: overrides ``l1.enabled``.
            serializer, compressor: an installed name, or an object.
            key: called with the call's arguments; what it returns tells calls apart.
            ignore: names of parameters that are no part of the key.
            version: change it when the function's meaning changes; old entries are left behind.
            integrity_checking: whether stored bytes carry a checksum, and are refused without.

        Returns:
            The decorated function, or without one a decorator. It carries ``key``,
            ``invalidate_cache``, ``refresh``, ``cache_info``, ``cache_clear`` and ``__wrapped__``.

        Raises:
            ConfigurationError: an option is wrong, a name is not installed, or the function is
                of a kind that cannot be cached (a generator, a property…).

        Example:
            >>> from cachekit import cache
            >>> @cache(ttl="5m", backend=None)
            ... def double(n: int) -> int:
            ...     return 2 * n
            >>> double(4), double(n=4), double.cache_info().misses
            (8, 8, 1)
        """
        policy = policy_of(self._intent, options)
        if function is UNSET:
            return lambda function: _decorated(function, policy)
        return _decorated(function, policy)


class Cache(CacheDecorator):
    """The type of `cachekit.cache`.

    Parameters:
        minimal: speed first; no integrity checking.
        test: deterministic.
        dev: for development.
        production: everything on.
    """

    def __init__(self) -> None:
        super().__init__("default")
        self.minimal = CacheDecorator("minimal")
        self.test = CacheDecorator("test")
        self.dev = CacheDecorator("dev")
        self.production = CacheDecorator("production")

    def clear_l1(self) -> None:
        """Empty this process's L1, of every function; no backend is touched."""
        from ._site import clear_l1

        clear_l1()

    def close(self) -> None:
        """End the clients, pools and threads that cachekit made in this process.

        Backends you passed as objects are yours to close. A later call makes anew what it needs.
        In a coroutine use `aclose`, which also ends the running loop's clients.
        """
        from ._resolve import close_stores

        close_stores()

    async def aclose(self) -> None:
        """As `close`, awaiting the running loop's clients."""
        from ._resolve import aclose_stores

        await aclose_stores()


cache = Cache()


def _decorated(function: Any, policy: Policy) -> Any:
    """The wrapper of *function*: a plain function, or in a class body a method that binds its verbs too."""
    from ._calls import AsyncVerbs, SyncVerbs, async_wrapper, sync_wrapper
    from ._methods import CachedMethod, attach
    from ._site import Site

    binding: Any = "class" if isinstance(function, classmethod) else "static" if isinstance(function, staticmethod) else "instance"
    if binding != "instance":
        function = function.__func__
    _refuse_uncacheable(function)
    scope = function.__qualname__.rpartition(".")[0]
    in_class_body = bool(scope) and not scope.endswith("<locals>")
    site = Site(function, policy, method=in_class_body)
    is_async = inspect.iscoroutinefunction(function)
    wrapper = async_wrapper(site) if is_async else sync_wrapper(site)
    attach(wrapper, AsyncVerbs(site) if is_async else SyncVerbs(site))
    return CachedMethod(wrapper, binding) if in_class_body else wrapper


def _refuse_uncacheable(function: Any) -> None:
    named = getattr(function, "__qualname__", None)
    if isinstance(function, property):
        raise UnsupportedFunctionError("@cache stands above a property; put @property above @cache")
    if isinstance(function, type):
        raise UnsupportedFunctionError(f"@cache decorates functions, and {named} is a class; decorate a function that makes it")
    if not callable(function):
        raise UnsupportedFunctionError(f"@cache decorates functions; got {shown(function)} (options are given by name: @cache(ttl=60))")
    if not isinstance(getattr(function, "__self__", None), ModuleType | None):
        raise UnsupportedFunctionError(
            f"{shown(function)} is bound to an object that would be no part of its keys; decorate the function in the class"
        )
    if not isinstance(named, str):
        raise UnsupportedFunctionError(f"{shown(function)} has no name to make keys from; wrap it in a def of your own")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UnsupportedFunctionError(
            f"{named} is a generator: each of its values can be taken only once, so there is nothing to cache; "
            "return a list, or cache the function that consumes it"
        )
