"""The two wrappers, side by side, and the verbs that a decorated function carries."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from ._changes import clear, complete_refresh, invalidate, prepare_refresh
from ._effects import arun, run
from ._flight import leading
from ._flow import abandon, complete, lookup
from ._report import CacheInfo, Invalidation
from ._site import NO_VALUE, Call, Site


def sync_wrapper(site: Site) -> Callable[..., Any]:
    """*site*'s function with the cache before it."""
    function = site.function

    @functools.wraps(function)
    def cached(*args: Any, **kwargs: Any) -> Any:
        call, value = site.begin(args, kwargs)
        if value is not NO_VALUE:
            return value
        try:
            found = run(lookup(site, call))
            if found.error is not None:
                raise found.error.with_traceback(found.traceback)
            if found.value is not NO_VALUE:
                return found.value
            with leading(call.flight):
                value = function(*args, **kwargs)
            run(complete(site, call, value))
        except BaseException as error:
            abandon(site, call, error)
            raise
        return value

    return cached


def async_wrapper(site: Site) -> Callable[..., Coroutine[Any, Any, Any]]:
    """As `sync_wrapper`, awaiting."""
    function = site.function

    @functools.wraps(function)
    async def cached(*args: Any, **kwargs: Any) -> Any:
        call, value = site.begin(args, kwargs)
        if value is not NO_VALUE:
            return value
        try:
            found = await arun(lookup(site, call))
            if found.error is not None:
                raise found.error.with_traceback(found.traceback)
            if found.value is not NO_VALUE:
                return found.value
            with leading(call.flight):
                value = await function(*args, **kwargs)
            await arun(complete(site, call, value))
        except BaseException as error:
            abandon(site, call, error)
            raise
        return value

    return cached


class Verbs:
    """What every decorated function carries; `SyncVerbs` and `AsyncVerbs` add what does I/O."""

    names = ("key", "invalidate_cache", "refresh", "cache_info", "cache_clear")

    def __init__(self, site: Site) -> None:
        self._site = site

    def key(self, /, *args: Any, **kwargs: Any) -> str:
        """The wire key of a call, the same in every process."""
        return self._site.key(args, kwargs)

    def cache_info(self) -> CacheInfo:
        """This function's counts in this process."""
        return self._site.info()

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """A call that looks nothing up; without a key when caching is off."""
        site = self._site
        site.resolve()
        return site.call(args, kwargs) if site.enabled else Call()


class SyncVerbs(Verbs):
    """The verbs of a plain function."""

    def invalidate_cache(self, /, *args: Any, **kwargs: Any) -> Invalidation:
        """Remove one call's entry from every layer."""
        key = self._call(args, kwargs).key
        return Invalidation("done") if key is None else run(invalidate(self._site, key))

    def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the function, store its value in every layer, and return it."""
        site, call = self._site, self._call(args, kwargs)
        run(prepare_refresh(site, call))
        value = site.function(*args, **kwargs)
        run(complete_refresh(site, call, value))
        return value

    def cache_clear(self) -> Invalidation:
        """Remove this function's entries from every layer."""
        self._site.resolve()
        return run(clear(self._site))


class AsyncVerbs(Verbs):
    """The verbs of a coroutine function."""

    async def invalidate_cache(self, /, *args: Any, **kwargs: Any) -> Invalidation:
        """Remove one call's entry from every layer."""
        key = self._call(args, kwargs).key
        return Invalidation("done") if key is None else await arun(invalidate(self._site, key))

    async def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the function, store its value in every layer, and return it."""
        site, call = self._site, self._call(args, kwargs)
        await arun(prepare_refresh(site, call))
        value = await site.function(*args, **kwargs)
        await arun(complete_refresh(site, call, value))
        return value

    async def cache_clear(self) -> Invalidation:
        """Remove this function's entries from every layer."""
        self._site.resolve()
        return await arun(clear(self._site))
