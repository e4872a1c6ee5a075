"""One computation per miss: threads, tasks and any mix of them wait for one run of one cold key."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from crowd import Background, Followers, Gate, in_loops, in_tasks, in_threads, through_to_thread


class FiveVerbs:
    """A backend with nothing but the five plain verbs."""

    def __init__(self) -> None:
        self._memory = MemoryBackend()
        for verb in ("get", "set", "delete", "exists", "health_check"):
            setattr(self, verb, getattr(self._memory, verb))


LAYERS: dict[str, Callable[[], dict[str, Any]]] = {
    "L1": lambda: {"backend": None},
    "L2": lambda: {"backend": MemoryBackend(), "l1_enabled": False},
    "L2-of-five-verbs": lambda: {"backend": FiveVerbs(), "l1_enabled": False},
    "both": lambda: {"backend": MemoryBackend()},
}


@pytest.fixture(params=LAYERS)
def layers(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    yield LAYERS[request.param]()
    cache.close()


@pytest.fixture
def followers(monkeypatch: pytest.MonkeyPatch) -> Followers:
    return Followers(monkeypatch)


def sync_function(followers: Followers, callers: int, make: Callable[[], Any], **options: Any) -> tuple[Any, list[int]]:
    """A cached function whose leader is held until everybody else waits, and the list of its runs."""
    runs: list[int] = []

    @cache(**options)
    def answer(question: int) -> Any:
        runs.append(question)
        followers.until(callers - 1)
        return make()

    return answer, runs


def async_function(followers: Followers, callers: int, make: Callable[[], Any], **options: Any) -> tuple[Any, list[int]]:
    """As `sync_function`."""
    runs: list[int] = []

    @cache(**options)
    async def answer(question: int) -> Any:
        runs.append(question)
        await followers.auntil(callers - 1)
        return make()

    return answer, runs


def crowd_of(kind: str, count: int, followers: Followers, make: Callable[[], Any], **options: Any) -> tuple[list[Any], list[int], Any]:
    """The outcomes of *count* callers of one cold key, the runs, and the function."""
    if kind == "threads":
        answer, runs = sync_function(followers, count, make, **options)
        return in_threads(count, lambda: answer(42)), runs, answer
    answer, runs = async_function(followers, count, make, **options)
    return asyncio.run(in_tasks(count, lambda: answer(42))), runs, answer


BOTH = pytest.mark.parametrize(("kind", "count"), [("threads", 30), ("tasks", 200)])


@BOTH
def test_one_run_for_a_crowd(kind: str, count: int, layers: dict[str, Any], followers: Followers) -> None:
    """30 threads, or 200 tasks, that ask for one cold key cause one execution, and all get its value."""
    outcomes, runs, answer = crowd_of(kind, count, followers, lambda: {"answer": [42]}, **layers)

    assert outcomes == [{"answer": [42]}] * count
    assert runs == [42]
    assert answer.cache_info().misses == 1
    assert answer.cache_info().shared == count - 1


def test_one_run_for_threads_with_loops_and_tasks(layers: dict[str, Any], followers: Followers) -> None:
    """30 threads that each run a loop of tasks, and 200 tasks of one more loop, cause one execution of a coroutine function."""
    loops, each, tasks = 30, 3, 200
    answer, runs = async_function(followers, loops * each + tasks, lambda: [42], **layers)

    elsewhere = Background(in_loops, loops, each, lambda: answer(42))
    here = asyncio.run(in_tasks(tasks, lambda: answer(42)))

    assert here + elsewhere.result() == [[42]] * (loops * each + tasks)
    assert runs == [42]


def test_one_run_for_threads_and_tasks_by_to_thread(layers: dict[str, Any], followers: Followers) -> None:
    """30 threads, and 200 tasks by to_thread, cause one execution of a plain function."""
    threads, tasks = 30, 200
    answer, runs = sync_function(followers, threads + tasks, lambda: [42], **layers)

    elsewhere = Background(in_threads, threads, lambda: answer(42))
    here = asyncio.run(through_to_thread(tasks, lambda: answer(42)))

    assert here + elsewhere.result() == [[42]] * (threads + tasks)
    assert runs == [42]


def test_keys_do_not_wait_for_each_other() -> None:
    """While one key's leader is held, another key is computed."""
    gate = Gate()

    @cache(backend=None)
    def held(n: int) -> int:
        if n == 1:
            gate.stop()
        return n

    @cache(backend=None)
    async def aheld(n: int) -> int:
        return await asyncio.to_thread(held, n)

    first = Background(asyncio.run, aheld(1))
    gate.reached()
    assert asyncio.run(aheld(2)) == held(2) == 2
    gate.open()
    assert first.result() == 1


@BOTH
@pytest.mark.parametrize("make", [lambda: [[1, 2], 3], lambda: [1, 2]], ids=["nested", "flat"])
def test_each_caller_has_its_own_copy(kind: str, count: int, make: Any, layers: dict[str, Any], followers: Followers) -> None:
    """What one caller does to its value no other caller sees, be it the leader, a follower or a later hit."""
    outcomes, runs, answer = crowd_of(kind, count, followers, make, **layers)

    for i, value in enumerate(outcomes):
        for part in (value, value[0]):
            if isinstance(part, list):
                part.append(i)
    later = answer(42) if kind == "threads" else asyncio.run(answer(42))

    assert [value[-1] for value in outcomes] == list(range(count))
    assert {len(value) for value in outcomes} == {len(make()) + 1}
    assert later == make()
    assert runs == [42]


class Refused(Exception):
    """An exception of the user's, with more than a message."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code


def refuse() -> Any:
    raise Refused(403, "no")


@BOTH
def test_an_exception_is_everybodys_and_not_kept(kind: str, count: int, layers: dict[str, Any], followers: Followers) -> None:
    """When the leader raises, every follower raises the same, from the same run; the next call runs again."""
    outcomes, runs, answer = crowd_of(kind, count, followers, refuse, **layers)

    assert {(type(error), error.args, error.code) for error in outcomes} == {(Refused, (403, "no"), 403)}
    assert runs == [42]
    assert answer.cache_info().entries == 0
    with pytest.raises(Refused):
        answer(42) if kind == "threads" else asyncio.run(answer(42))
    assert runs == [42, 42]


@BOTH
def test_a_shared_traceback_stays_short(kind: str, count: int, followers: Followers) -> None:
    """The traceback of a shared exception ends in the function that raised it and is no longer for having many followers."""
    outcomes, _, _ = crowd_of(kind, count, followers, refuse, backend=None)

    for error in outcomes:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames[-2:] == ["answer", "refuse"]
        assert len(frames) <= 12, frames


@BOTH
def test_an_uncacheable_value_is_each_callers_own(
    kind: str, count: int, layers: dict[str, Any], followers: Followers, caplog: pytest.LogCaptureFixture
) -> None:
    """A generator cannot be shared: every caller gets one of its own, from its own run, and one warning says so."""
    outcomes, runs, answer = crowd_of(kind, count, followers, lambda: (n for n in range(3)), **layers)

    assert [list(value) for value in outcomes] == [[0, 1, 2]] * count
    assert len(runs) == count
    assert answer.cache_info().uncacheable == count
    assert len(caplog.records) == 1


def test_none_is_a_value_to_share(layers: dict[str, Any], followers: Followers) -> None:
    """A leader that returns None gives its followers None, and nobody runs again."""
    outcomes, runs, answer = crowd_of("threads", 30, followers, lambda: None, **layers)

    assert outcomes == [None] * 30
    assert answer(42) is None
    assert runs == [42]
