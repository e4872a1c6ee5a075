"""One pass asks the cached function for every module, and is timed and counted."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cachekit import CacheInfo, cache

from .cached import measure, measure_async
from .progress import Progress
from .source import Measures, Module, analysed

AT_ONCE = 8
"""Calls under way at a time in an async pass."""

Style = Literal["sync", "async"]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass came to.

    Parameters:
        name: ``"cold"``, ``"from L1"``, ``"from L2"`` or ``"second process"``.
        seconds: for all calls together.
        first_seconds: until the first of them was answered; in a new process it opens the backend.
        ran: how often the function really ran, by its own witness.
        l1_hits, l2_hits, misses, backend_errors: how much `cache_info()` moved.
        fingerprint: a digest of all values and their types.
    """

    style: Style
    name: str
    calls: int
    seconds: float
    first_seconds: float
    ran: int
    l1_hits: int
    l2_hits: int
    misses: int
    backend_errors: int
    fingerprint: str


def first_process(modules: Sequence[Module]) -> tuple[list[Pass], list[Measures]]:
    """Cold, warm from L1, and with L1 cleared from L2; sync, then async. With the values."""
    measure.cache_clear()  # a server may remember an earlier run, and cold is to be cold
    cold, values = sync_pass("cold", modules)
    warm, _ = sync_pass("from L1", modules)
    cache.clear_l1()
    shared, _ = sync_pass("from L2", modules)
    return [cold, warm, shared, *asyncio.run(_first_process_async(modules))], values


async def _first_process_async(modules: Sequence[Module]) -> list[Pass]:
    await measure_async.cache_clear()
    cold = await async_pass("cold", modules)
    warm = await async_pass("from L1", modules)
    cache.clear_l1()
    return [cold, warm, await async_pass("from L2", modules)]


def sync_pass(name: str, modules: Sequence[Module]) -> tuple[Pass, list[Measures]]:
    """One call after the other."""
    count = _Count("sync", name, len(modules), measure)
    values = []
    for module in modules:
        values.append(measure(module.path, module.modified_ns))
        count.step()
    return count.finished(values), values


async def async_pass(name: str, modules: Sequence[Module]) -> Pass:
    """`AT_ONCE` calls at a time."""
    count = _Count("async", name, len(modules), measure_async)
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(module: Module) -> Measures:
        async with turn:
            value = await measure_async(module.path, module.modified_ns)
        count.step()
        return value

    return count.finished(await asyncio.gather(*map(one, modules)))


def forget(modules: Sequence[Module]) -> None:
    """Remove the entries of `first_process` from every layer."""

    async def forget_async() -> None:
        for module in modules:
            await measure_async.invalidate_cache(module.path, module.modified_ns)

    for module in modules:
        measure.invalidate_cache(module.path, module.modified_ns)
    asyncio.run(forget_async())


class _Count:
    """The clock and the counters as they stood when a pass began."""

    def __init__(self, style: Style, name: str, calls: int, function: Any) -> None:
        self._progress = Progress(f"{style}, {name}", calls)
        self._style: Style = style
        self._name = name
        self._function = function
        self._ran = len(analysed)
        self._info: CacheInfo = function.cache_info()
        self._first: float | None = None
        self._began = time.perf_counter()

    def step(self) -> None:
        if self._first is None:
            self._first = time.perf_counter() - self._began
        self._progress.step()

    def finished(self, values: Sequence[Measures]) -> Pass:
        seconds = time.perf_counter() - self._began
        before, after = self._info, self._function.cache_info()
        self._progress.finish(f"{len(values)} modules in {seconds:.3f} s")
        return Pass(
            style=self._style,
            name=self._name,
            calls=len(values),
            seconds=seconds,
            first_seconds=self._first or 0.0,
            ran=len(analysed) - self._ran,
            l1_hits=after.l1_hits - before.l1_hits,
            l2_hits=after.l2_hits - before.l2_hits,
            misses=after.misses - before.misses,
            backend_errors=after.backend_errors - before.backend_errors,
            # The repr shows types too: a tuple that came back as a list would be another digest.
            fingerprint=hashlib.sha256(repr(list(values)).encode()).hexdigest()[:16],
        )
