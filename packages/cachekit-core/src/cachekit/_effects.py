"""What the cold path asks for, and the two drivers that do it: `run` for sync, `arun` for async."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ._store import Store

T = TypeVar("T")


class Effect(Protocol):
    """One thing to do, in both ways."""

    def perform(self) -> Any: ...
    async def aperform(self) -> Any: ...


Steps = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Read:
    """→ the bytes under each key, or None."""

    store: Store
    keys: tuple[str, ...]

    def perform(self) -> Sequence[bytes | None]:
        return self.store.read(self.keys)

    async def aperform(self) -> Sequence[bytes | None]:
        return await self.store.aread(self.keys)


@dataclass(slots=True)
class Write:
    """Store bytes for *ttl* seconds. Who asks calls *ended*, unless it was *handed_over* to a thread, which then does."""

    store: Store
    key: str
    value: bytes
    ttl: float | None
    ended: Callable[[], None] = lambda: None
    handed_over: bool = False

    def perform(self) -> None:
        self.store.write(self.key, self.value, self.ttl)

    async def aperform(self) -> None:
        self.handed_over = True
        await self.store.awrite(self.key, self.value, self.ttl, self.ended)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove one entry."""

    store: Store
    key: str

    def perform(self) -> None:
        self.store.delete(self.key)

    async def aperform(self) -> None:
        await self.store.adelete(self.key)


@dataclass(frozen=True, slots=True)
class Wait:
    """→ the future's result, or None after *patience* seconds."""

    future: Future[Any]
    patience: float

    def perform(self) -> Any:
        try:
            return self.future.result(self.patience)
        except FutureTimeoutError:
            return None

    async def aperform(self) -> Any:
        import asyncio  # here: a program without coroutines need not pay for it

        try:
            # Not wait_for, which swallows a cancellation that comes as the future ends.
            async with asyncio.timeout(self.patience):
                return await asyncio.wrap_future(self.future)
        except TimeoutError:
            return None


def run(steps: Steps[T]) -> T:
    """Perform each effect that *steps* asks for; an error is thrown back into it."""
    try:
        effect = next(steps)
        while True:
            try:
                result = effect.perform()
            except BaseException as error:  # noqa: BLE001 - the steps decide, and let go what is not theirs
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def arun(steps: Steps[T]) -> T:
    """As `run`, awaiting."""
    try:
        effect = next(steps)
        while True:
            try:
                result = await effect.aperform()
            except BaseException as error:  # noqa: BLE001 - as in run
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
