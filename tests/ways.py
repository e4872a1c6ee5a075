"""One body, decorated as `def` and as `async def`: each test that takes `way` runs both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cachekit import cache


class Cached:
    """A decorated function that is called the same way, whichever kind it is."""

    def __init__(self, function: Any, run: Callable[[Any], Any]) -> None:
        self.function = function
        self._run = run

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self.function(*args, **kwargs))

    @property
    def info(self) -> Any:
        return self.function.cache_info()

    def key(self, *args: Any, **kwargs: Any) -> str:
        return self.function.key(*args, **kwargs)

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self.function.refresh(*args, **kwargs))

    def invalidate_cache(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self.function.invalidate_cache(*args, **kwargs))

    def cache_clear(self) -> Any:
        return self._run(self.function.cache_clear())


class Way:
    """How a test's functions are defined and called.

    Parameters:
        name: ``"sync"`` or ``"async"``.
        run: what a call gives, made a value.
    """

    def __init__(self, name: str, run: Callable[[Any], Any]) -> None:
        self.name = name
        self.run = run

    def cached(self, body: Callable[[Any], Any], *, returns: Any = Any, **options: Any) -> Cached:
        """*body* as a cached function of one argument, None if omitted, that says it *returns* so."""
        if self.name == "sync":

            def function(value: Any = None) -> Any:
                return body(value)

        else:

            async def function(value: Any = None) -> Any:
                return body(value)

        function.__annotations__["return"] = returns
        return Cached(cache(**options)(function), self.run)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """`def` functions, and then `async def` functions in one event loop."""
    if request.param == "sync":
        yield Way("sync", lambda value: value)
        return
    with asyncio.Runner() as runner:
        yield Way("async", runner.run)
