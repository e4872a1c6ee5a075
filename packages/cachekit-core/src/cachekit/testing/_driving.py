"""One list of cases, two drivers: `SyncVerbs` calls `get`, `AsyncVerbs` runs `aget` on a loop of its own."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from cachekit._store import in_thread

Work = Generator[tuple[Any, ...], Any, None]
"""A case for many at once: yields ``("get", key)`` and is sent the answer."""


class Verbs(ABC):
    """A backend's verbs as plain calls, whichever way they run. *prefix* is what their names begin with."""

    prefix = ""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def get(self, key: str) -> Any:
        return self.call("get", key)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        self.call("set", key, value, ttl)

    def delete(self, key: str) -> Any:
        return self.call("delete", key)

    def exists(self, key: str) -> Any:
        return self.call("exists", key)

    def health_check(self) -> Any:
        return self.call("health_check")

    def get_many(self, keys: Sequence[str]) -> Any:
        return self.call("get_many", keys)

    def close(self) -> None:
        self.call("close")

    @abstractmethod
    def call(self, verb: str, *arguments: Any) -> Any:
        """Do one verb and return what it returned."""

    @abstractmethod
    def together(self, *works: Work) -> None:
        """Drive the works at once, and raise what any of them raised."""

    @abstractmethod
    def renewed(self) -> Any:
        """A context with verbs for a place where this loop cannot be used: another thread, a forked child."""


class SyncVerbs(Verbs):
    """The plain verbs; at once means threads."""

    def call(self, verb: str, *arguments: Any) -> Any:
        return getattr(self.backend, verb)(*arguments)

    def together(self, *works: Work) -> None:
        with ThreadPoolExecutor(len(works)) as threads:
            for future in [threads.submit(self._drive, work) for work in works]:
                future.result()

    @contextmanager
    def renewed(self) -> Iterator[Verbs]:
        yield self

    def _drive(self, work: Work) -> None:
        answer = None
        while True:
            try:
                step = work.send(answer)
            except StopIteration:
                return
            answer = self.call(*step)


class AsyncVerbs(Verbs):
    """The coroutine verbs; at once means tasks."""

    prefix = "a"

    def __init__(self, backend: Any, runner: asyncio.Runner) -> None:
        super().__init__(backend)
        self._runner = runner

    def call(self, verb: str, *arguments: Any) -> Any:
        return self._runner.run(self._acall(verb, *arguments))

    def together(self, *works: Work) -> None:
        async def all_of_them() -> None:
            async with asyncio.TaskGroup() as tasks:
                for work in works:
                    tasks.create_task(self._drive(work))

        self._runner.run(all_of_them())

    @contextmanager
    def renewed(self) -> Iterator[Verbs]:
        with asyncio.Runner() as runner:
            yield AsyncVerbs(self.backend, runner)

    async def _acall(self, verb: str, *arguments: Any) -> Any:
        return await getattr(self.backend, "a" + verb)(*arguments)

    async def _drive(self, work: Work) -> None:
        answer = None
        while True:
            try:
                step = work.send(answer)
            except StopIteration:
                return
            answer = await self._acall(*step)


class ServedByThreads:
    """A sync-only backend as coroutine functions meet it: core runs each verb in a thread of its bounded pool."""

    def __init__(self, backend: Any) -> None:
        self.plain = backend

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self.plain, name, None)
        verb = getattr(self.plain, name[1:], None) if name.startswith("a") else None
        if plain is None and callable(verb):
            return functools.partial(in_thread, verb)
        return getattr(self.plain, name)


class Child:
    """A forked copy of this process that runs *work*, reports how it went, and ends without our cleanup."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._report, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # to fork with threads running is what we test
            self.pid = os.fork()
        if self.pid == 0:
            _run_and_exit(work, writing)
        os.close(writing)

    def wait(self, seconds: float) -> str:
        """Wait, at most *seconds*, and return what went wrong, or an empty string."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                if ended:
                    break
                if time.monotonic() > deadline:
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    return f"hung: not done after {seconds:g} s, and was killed"
                time.sleep(0.005)
            report = os.read(self._report, 65536).decode(errors="replace")
        finally:
            os.close(self._report)
        code = os.waitstatus_to_exitcode(status)
        return report or (f"ended with exit code {code}" if code else "")


def _run_and_exit(work: Callable[[], None], writing: int) -> None:
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it must not run on into the parent's test session
        # Less than a pipe holds, for nobody reads until we have ended.
        os.write(writing, traceback.format_exc()[-16000:].encode(errors="replace"))
    finally:
        os._exit(code)
