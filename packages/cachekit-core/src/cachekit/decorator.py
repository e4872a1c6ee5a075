"""The typed `cache` object: `@cache`, `@cache(...)`, and the intents `@cache.minimal`, `.test`, `.dev`, `.production`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload

from .errors import UnsupportedFunctionError, shown

# What a decorator does is imported when the first one is applied: `import cachekit` stays cheap.
if TYPE_CHECKING:
    import datetime as dt

    from ._methods import Binding
    from .config import L1CacheConfig
    from .contracts import Backend, Compressor, Encryptor, Serializer
    from .presets import Intent, Policy
    from .signatures import CachedFunction, Decorate

    Ttl = float | str | dt.timedelta | None

P = ParamSpec("P")
R = TypeVar("R")

_NO_FUNCTION: Final = object()


class CacheDecorator:
    """One intent: decorates with its preset, and takes options that replace fields of it."""

    def __init__(self, intent: Intent) -> None:
        self._intent: Intent = intent

    def __repr__(self) -> str:
        return "cache" if self._intent == "default" else f"cache.{self._intent}"

    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...
    @overload
    def __call__(
        self,
        /,
        *,
        ttl: Ttl = ...,
        namespace: str = ...,
        backend: Backend | str | None = ...,
        l1: L1CacheConfig = ...,
        l1_enabled: bool = ...,
        serializer: str | Serializer = ...,
        compressor: str | Compressor = ...,
        encryptor: str | Encryptor | None = ...,
        migrate: Callable[[Any], Any] | None = ...,
        key: Callable[..., Any] | None = ...,
        ignore: Collection[str] | str = ...,
        version: int | str | None = ...,
        integrity_checking: bool = ...,
    ) -> Decorate: ...

    def __call__(self, function: Any = _NO_FUNCTION, /, **options: Any) -> Any:
        """Cache a function's values.

        Parameters:
            ttl: how long a value holds: seconds, a `timedelta`, or text such as ``"5m"``; more
                than 0, at most 100 years. Omitted: ``CACHEKIT_DEFAULT_TTL`` (3600). None: no expiry.
            namespace: part of the keys, so that equal functions keep apart; letters, digits and ``_ . : / -``, up to 100 of them.
            backend: the L2: an object with the five verbs of `cachekit.contracts.Backend`, an
                installed name such as ``"redis"``, or None for this process's memory only.
                Omitted: the default backend, then the environment's.
            l1: the memory budget; functions given one `L1CacheConfig` object share it, and those
                given none share 100 MiB.
            l1_enabled: overrides ``l1.enabled``.
            serializer, compressor: an installed name, or an object.
            encryptor: the same; what lies at the backend is sealed by it. L1 holds values as they are.
            migrate: called with the plain data of an entry that was stored when the function
                returned another form of its type (a dict for each instance of a class); what it
                returns is served. Omitted: such an entry is a miss.
            key: called with the call's arguments; what it returns tells calls apart.
            ignore: names of parameters that are no part of the key.
            version: change it when the function's meaning changes; old entries are left behind.
            integrity_checking: whether stored bytes carry a checksum, and are refused without.

        Returns:
            The decorated function, or without one a decorator. It carries ``key``,
            ``invalidate_cache``, ``refresh``, ``cache_info``, ``cache_clear`` and ``__wrapped__``.

        Raises:
            ConfigurationError: an option is wrong, a name is not installed, or the function is
                of a kind that cannot be cached (a generator, a property…). A setting in the
                environment that is wrong raises it at the first call.
            UncacheableArgumentError: at a call, when an argument has no stable identity.

        Example:
            >>> from cachekit import cache
            >>> @cache(ttl="5m", backend=None)
            ... def double(n: int) -> int:
            ...     return 2 * n
            >>> double(4), double(n=4), double.cache_info().misses
            (8, 8, 1)
        """
        from ._options import policy_of

        policy = policy_of(self._intent, options)
        if function is _NO_FUNCTION:
            return partial(_decorated, policy)
        return _decorated(policy, function)


class Cache(CacheDecorator):
    """The type of `cachekit.cache`.

    Parameters:
        minimal, test: without integrity checking.
        dev, production: with it, as `cache` itself.
    """

    def __init__(self) -> None:
        super().__init__("default")
        self.minimal: CacheDecorator = CacheDecorator("minimal")
        self.test: CacheDecorator = CacheDecorator("test")
        self.dev: CacheDecorator = CacheDecorator("dev")
        self.production: CacheDecorator = CacheDecorator("production")

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


cache: Cache = Cache()


def _decorated(policy: Policy, function: Any, /) -> Any:
    """The wrapper of *function*: a plain function, or in a class body a method that binds its verbs too."""
    from ._calls import AsyncVerbs, SyncVerbs, async_wrapper, sync_wrapper
    from ._encoding import never_cached
    from ._methods import CachedMethod, attach
    from ._site import Site

    binding: Binding = "instance"
    if isinstance(function, classmethod | staticmethod):
        binding = "class" if isinstance(function, classmethod) else "static"
        function = function.__func__
    _refuse_uncacheable(function)
    scope = function.__qualname__.rpartition(".")[0]
    in_class_body = bool(scope) and not scope.endswith("<locals>")
    if in_class_body and function.__name__ in ("__init_subclass__", "__class_getitem__"):
        binding = "class"  # as Python binds them without being told
    site = Site(function, policy, method=in_class_body)
    if lossy := never_cached(function, policy):
        site.warn("annotation", f"{lossy}; with a backend its values are not cached")
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
    if not all(isinstance(getattr(function, name, None), str) for name in ("__name__", "__qualname__", "__module__")):
        raise UnsupportedFunctionError(f"{shown(function)} has no name and module to make keys from; wrap it in a def of your own")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UnsupportedFunctionError(
            f"{named} is a generator: each of its values can be taken only once, so there is nothing to cache; "
            "return a list, or cache the function that consumes it"
        )
