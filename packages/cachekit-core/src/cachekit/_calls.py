"""The two wrappers, side by side, and the verbs that a decorated function carries."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ._call import Call
from ._changes import clear, complete_refresh, invalidate, prepare_refresh
from ._effects import arun, run
from ._flight import leading
from ._flow import abandon, complete, keep, lead_at_once, lookup
from ._local import NO_VALUE
from ._refresh import arefresh_soon, refresh_soon
from ._report import CacheInfo, Invalidation
from ._site import Site


def sync_wrapper(site: Site) -> Callable[..., Any]:
    """*site*'s function with the cache before it."""
    function = site.function

    def missed(values: tuple[Any, ...] | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, value = site.begin(values, args, kwargs)
        if value is not NO_VALUE:
            if call.stale:
                refresh_soon(site, call, args, kwargs)
            return value
        try:
            found = lead_at_once(site, call)
            if found is None:
                found = run(lookup(site, call))
            if found.error is not None:
                raise found.error.with_traceback(found.traceback)
            if found.value is not NO_VALUE:
                if call.stale:
                    refresh_soon(site, call, args, kwargs)
                return found.value
            with leading(call.flight):
                value = function(*args, **kwargs)
            if site.has_backend:
                run(complete(site, call, value))
            else:
                keep(site, call, value)
        except BaseException as error:
            abandon(site, call, error)
            raise
        return value

    return site.front.wrapper(function, missed, is_async=False)


def async_wrapper(site: Site) -> Callable[..., Coroutine[Any, Any, Any]]:
    """As `sync_wrapper`, awaiting."""
    function = site.function

    async def missed(values: tuple[Any, ...] | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, value = site.begin(values, args, kwargs)
        if value is not NO_VALUE:
            if call.stale:
                arefresh_soon(site, call, args, kwargs)
            return value
        try:
            found = lead_at_once(site, call)
            if found is None:
                found = await arun(lookup(site, call))
            if found.error is not None:
                raise found.error.with_traceback(found.traceback)
            if found.value is not NO_VALUE:
                if call.stale:
                    arefresh_soon(site, call, args, kwargs)
                return found.value
            with leading(call.flight):
                value = await function(*args, **kwargs)
            if site.has_backend:
                await arun(complete(site, call, value))
            else:
                keep(site, call, value)
        except BaseException as error:
            abandon(site, call, error)
            raise
        return value

    return site.front.wrapper(function, missed, is_async=True)


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
        call = self._call(args, kwargs)
        return Invalidation("done") if call.key is None else run(invalidate(self._site, call))

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
        call = self._call(args, kwargs)
        return Invalidation("done") if call.key is None else await arun(invalidate(self._site, call))

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
