"""What the tests of core share: one list of cases for `def` and `async def`, time that moves when told to, backends that misbehave."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from cachekit import _site


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


def moved_clock(monkeypatch: Any) -> Clock:
    """A clock in the place of both of core's."""
    clock = Clock()
    monkeypatch.setattr(_site, "monotonic", clock)
    monkeypatch.setattr(_site, "wall", clock)
    return clock


class Form:
    """A way of writing a function: plain, or as a coroutine.

    Parameters:
        name: ``"def"`` or ``"async def"``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async def"

    def __repr__(self) -> str:
        return self.name

    def function(self, compute: Callable[[Any], Any] = lambda n: n * 10) -> Any:
        """A function of one argument, 0 if omitted, that notes in its ``ran`` what it ran with."""
        # Noted on the function, not in a list it closes over: what is closed over is part of its identity.
        if self.is_async:

            async def numbered(n: Any = 0) -> Any:
                numbered.ran.append(n)  # type: ignore[attr-defined]
                return compute(n)
        else:

            def numbered(n: Any = 0) -> Any:
                numbered.ran.append(n)  # type: ignore[attr-defined]
                return compute(n)

        numbered.ran = []  # type: ignore[attr-defined]
        return numbered

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function or a verb, on a loop of its own where it has to be awaited."""
        made = function(*args, **kwargs)
        assert inspect.isawaitable(made) == self.is_async, f"{function!r} is not of the form {self.name}"
        return asyncio.run(_awaited(made)) if self.is_async else made


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


FORMS = [Form("def"), Form("async def")]


class FiveVerbs:
    """A backend as somebody writes it in a minute: five plain methods, no inheritance, no capability.

    *failure* and *failing* make verbs raise: set them while the test runs.
    """

    def __init__(
        self, failure: Exception | None = None, failing: tuple[str, ...] = ("get", "set", "delete", "exists", "health_check")
    ) -> None:
        self.entries: dict[str, bytes] = {}
        self.failure = failure
        self.failing = failing
        self.asked: list[tuple[str, str]] = []

    def get(self, key: str) -> bytes | None:
        self._note("get", key)
        return self.entries.get(key)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._note("set", key)
        self.entries[key] = value

    def delete(self, key: str) -> bool:
        self._note("delete", key)
        return self.entries.pop(key, None) is not None

    def exists(self, key: str) -> bool:
        self._note("exists", key)
        return key in self.entries

    def health_check(self) -> tuple[bool, dict[str, Any]]:
        return True, {}

    def _note(self, verb: str, key: str) -> None:
        self.asked.append((verb, key))
        if self.failure is not None and verb in self.failing:
            raise self.failure


class NativeVerbs(FiveVerbs):
    """`FiveVerbs` with the coroutine verbs too."""

    async def aget(self, key: str) -> bytes | None:
        return self.get(key)

    async def aset(self, key: str, value: bytes, ttl: float | None) -> None:
        self.set(key, value, ttl)

    async def adelete(self, key: str) -> bool:
        return self.delete(key)

    async def aexists(self, key: str) -> bool:
        return self.exists(key)

    async def ahealth_check(self) -> tuple[bool, dict[str, Any]]:
        return self.health_check()


class BulkVerbs(NativeVerbs):
    """`NativeVerbs` that read in bulk."""

    def get_many(self, keys: Any) -> Any:
        return [self.get(key) for key in keys]

    async def aget_many(self, keys: Any) -> Any:
        return self.get_many(keys)


BACKENDS = [FiveVerbs, NativeVerbs, BulkVerbs]


def warnings_of(caplog: Any) -> list[str]:
    """What cachekit logged at WARNING or above."""
    return [record.getMessage() for record in caplog.records if record.name == "cachekit" and record.levelno >= 30]
