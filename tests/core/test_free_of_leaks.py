"""What a decorated function took is given back: objects, threads, event loops."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from crowd import Background, GatedBackend, in_loops, open_gates

LAYERS = pytest.mark.parametrize("options", [{"backend": None}, {}, {"l1_enabled": False}], ids=["L1", "L1+L2", "L2"])


def with_backend(options: dict[str, Any]) -> dict[str, Any]:
    return {"backend": MemoryBackend(), **options}


def cachekit_threads() -> list[str]:
    # Not the one that has seen the others end, and is about to end itself.
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("cachekit") and thread.name != "cachekit-close"]


class Token:
    """Something to close over, and to watch."""


class Service:
    """Something that no key can tell apart, as a database session is."""

    def answer(self, n: int) -> list[int]:
        return [n]


@LAYERS
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_decorated_function_is_collected(kind: str, options: dict[str, Any]) -> None:
    """A function that was called, cached and deleted is collected, and its wrapper with it."""

    def make() -> tuple[Any, Any]:
        @cache(**with_backend(options))
        def answer(n: int) -> list[int]:
            return [n]

        @cache(**with_backend(options))
        async def aanswer(n: int) -> list[int]:
            return [n]

        return (answer, answer) if kind == "sync" else (aanswer, lambda n: asyncio.run(aanswer(n)))

    function, call = make()
    assert [call(1), call(1), call(2)] == [[1], [1], [2]]
    dead = weakref.ref(function), weakref.ref(function.__wrapped__)
    del function, call
    gc.collect()

    assert [each() for each in dead] == [None, None]


@LAYERS
def test_what_a_collected_function_closed_over_is_collected(options: dict[str, Any]) -> None:
    """What only a deleted function kept alive, its backend among it, goes with the function."""

    def made() -> list[Any]:
        service = Service()
        all_options = with_backend(options)

        @cache(**all_options)
        def answer(n: int) -> list[int]:
            return service.answer(n)

        assert answer(1) == [1]
        return [weakref.ref(each) for each in (service, answer, all_options["backend"]) if each is not None]

    dead = made()
    gc.collect()

    assert [each() for each in dead if each() is not None] == []


def test_a_function_that_raised_keeps_nothing() -> None:
    """After an exception was shared and handled, nothing keeps the frame it came from."""
    watched: list[weakref.ref[Token]] = []

    @cache(backend=None)
    def refuse(n: int) -> int:
        local = Token()
        watched.append(weakref.ref(local))
        raise ValueError(n)

    with pytest.raises(ValueError, match="1"):
        refuse(1)
    gc.collect()

    assert [each() for each in watched] == [None]


def test_arguments_that_are_not_held_are_not_kept() -> None:
    """An argument that is no part of the key is not kept alive by the entry."""

    @cache(backend=None, ignore=("token",))
    def answer(n: int, token: Token) -> int:
        return n

    token = Token()
    answer(1, token)
    dead = weakref.ref(token)
    del token
    gc.collect()

    assert dead() is None


@pytest.mark.parametrize("close", ["close", "aclose"])
def test_no_thread_is_left_after_close(close: str) -> None:
    """After close, or aclose, no thread of the cache lives; a later call begins anew."""

    @cache(backend=GatedBackend())
    async def answer(n: int) -> int:
        return n

    for n in (1, 2):
        assert asyncio.run(answer(n)) == n
        assert cachekit_threads()
        if close == "close":
            cache.close()
        else:
            asyncio.run(cache.aclose())
        assert cachekit_threads() == []


def test_plain_functions_need_no_thread() -> None:
    """Sync functions, and coroutine functions over a backend with coroutines, begin no thread at all."""
    before = threading.active_count()

    @cache(backend=MemoryBackend())
    def answer(n: int) -> int:
        return n

    @cache(backend=MemoryBackend())
    async def aanswer(n: int) -> int:
        return n

    async def scene() -> None:
        assert await aanswer(1) == await aanswer(1) == answer(1)
        assert threading.active_count() == before

    asyncio.run(scene())


class Watching(GatedBackend):
    """Five plain verbs that note in which threads they are called; reads are held until the test opens."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()
        self.inside = threading.Semaphore(0)
        self.opened = threading.Event()

    def get(self, key: str) -> bytes | None:
        self.threads.add(threading.current_thread().name)
        self.inside.release()
        assert self.opened.wait(30)
        return super().get(key)


def test_sync_backends_serve_coroutines_in_the_caches_own_threads() -> None:
    """Five plain verbs are called for coroutine functions in at most 16 threads named cachekit, never in the loop's own."""
    backend = Watching()

    @cache(backend=backend)
    async def answer(n: int) -> int:
        return n

    async def scene() -> list[int]:
        return await asyncio.gather(*(answer(n) for n in range(60)))

    caller = Background(asyncio.run, scene())
    for _ in range(16):
        assert backend.inside.acquire(timeout=30)
    assert not backend.inside.acquire(blocking=False)
    assert len(cachekit_threads()) == 16
    backend.opened.set()

    assert caller.result() == list(range(60))
    assert len(backend.threads) <= 16
    assert all(name.startswith("cachekit") for name in backend.threads)
    cache.close()


def test_the_bound_on_threads_is_one_for_all_loops() -> None:
    """Many loops that use the pool for the first time at once still have at most 16 threads together."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            backend = Watching()
            answer = cache(backend=backend, l1_enabled=False)(_returned)
            numbers = itertools.count()
            callers = Background(in_loops, 12, 4, lambda answer=answer, numbers=numbers: answer(next(numbers)))
            assert backend.inside.acquire(timeout=30)
            held = len(cachekit_threads())
            backend.opened.set()
            assert sorted(callers.result()) == list(range(48))
            assert max(held, len(cachekit_threads()), len(backend.threads)) <= 16
            cache.close()
            assert cachekit_threads() == []
    finally:
        sys.setswitchinterval(interval)
        open_gates()


async def _returned(n: int) -> int:
    return n


@pytest.mark.parametrize("verb", ["the read", "the write"])
def test_close_fails_no_call_that_is_under_way(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A close between a call's taking the pool of threads and its using it costs the call nothing: it returns its value."""
    answer = cache(backend=GatedBackend(), l1_enabled=False)(_returned)
    assert asyncio.run(answer(0)) == 0  # from now on a call is one read and one write
    submit, uses = ThreadPoolExecutor.submit, itertools.count()

    def submit_after_close(pool: ThreadPoolExecutor, *args: Any) -> Any:
        if next(uses) == ["the read", "the write"].index(verb):
            cache.close()
        return submit(pool, *args)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_after_close)

    assert asyncio.run(answer(1)) == 1
    cache.close()


def test_a_whole_program_ends_without_warnings() -> None:
    """A program that used every kind of function and closed nothing exits at once, with no warning of loops, threads or coroutines."""
    program = """
import asyncio
from cachekit import cache
from cachekit.testing import MemoryBackend

class Five:
    def __init__(self):
        memory = MemoryBackend()
        for verb in ("get", "set", "delete", "exists", "health_check"):
            setattr(self, verb, getattr(memory, verb))

for backend in (None, MemoryBackend(), Five()):
    @cache(backend=backend)
    def plain(n): return [n]
    @cache(backend=backend)
    async def coroutine(n): return [n]
    async def main():
        await asyncio.gather(*(coroutine(n % 7) for n in range(50)))
        await coroutine.invalidate_cache(1)
    asyncio.run(main()); asyncio.run(main())
    plain(1); plain.cache_clear()
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONASYNCIODEBUG": "1"},
    )

    # On a busy machine asyncio's debug mode also tells which step took long; that is no leak.
    told = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, done.stdout, told) == (0, "done\n", [])
