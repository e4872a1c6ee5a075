"""30 threads, 200 tasks, or a mix of them on one cold key: one execution, over every backend, with L1 and without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cachekit import cache
from crowd import Background, Followers, in_loops, in_tasks, in_threads, through_to_thread

pytest_plugins = ("backends",)

THREADS, TASKS = 30, 200


@pytest.fixture
def followers(monkeypatch: pytest.MonkeyPatch) -> Followers:
    return Followers(monkeypatch)


@pytest.fixture(params=[True, False], ids=["L1+L2", "L2"])
def layers(request: pytest.FixtureRequest, each_backend: Any) -> Iterator[dict[str, Any]]:
    yield {"backend": each_backend, "l1_enabled": request.param}
    cache.close()


def report(layers: dict[str, Any], followers: Followers, callers: int) -> Any:
    """A cached function whose first run is held until all the other callers wait; each run has a number."""

    @cache(**layers)
    def answer(question: str) -> dict[str, Any]:
        followers.until(callers - 1)
        return {question: [len(question)]}

    return answer


def areport(layers: dict[str, Any], followers: Followers, callers: int) -> Any:
    """As `report`, a coroutine function."""

    @cache(**layers)
    async def answer(question: str) -> dict[str, Any]:
        await followers.auntil(callers - 1)
        return {question: [len(question)]}

    return answer


def check(answer: Any, outcomes: list[Any], callers: int) -> None:
    info = answer.cache_info()
    assert outcomes == [{"cold": [4]}] * callers
    assert (info.misses, info.hits, info.backend_errors) == (1, callers - 1, 0)


def test_threads_share_one_run(layers: dict[str, Any], followers: Followers) -> None:
    """30 threads cause one execution, and a later call finds the value."""
    answer = report(layers, followers, THREADS)

    check(answer, in_threads(THREADS, lambda: answer("cold")), THREADS)
    assert answer("cold") == {"cold": [4]}
    assert answer.cache_info().misses == 1


def test_tasks_share_one_run(layers: dict[str, Any], followers: Followers) -> None:
    """200 tasks of one loop cause one execution, and a later call in another loop finds the value."""
    answer = areport(layers, followers, TASKS)

    check(answer, asyncio.run(in_tasks(TASKS, lambda: answer("cold"))), TASKS)
    assert asyncio.run(answer("cold")) == {"cold": [4]}
    assert answer.cache_info().misses == 1


def test_threads_with_loops_and_tasks_share_one_run(layers: dict[str, Any], followers: Followers) -> None:
    """30 threads that each run a loop of two tasks, and 200 tasks of one more loop, cause one execution."""
    callers = 2 * THREADS + TASKS
    answer = areport(layers, followers, callers)

    elsewhere = Background(in_loops, THREADS, 2, lambda: answer("cold"))
    here = asyncio.run(in_tasks(TASKS, lambda: answer("cold")))

    check(answer, here + elsewhere.result(), callers)


def test_threads_and_tasks_by_to_thread_share_one_run(layers: dict[str, Any], followers: Followers) -> None:
    """30 threads, and 200 tasks that call a plain function by to_thread, cause one execution."""
    callers = THREADS + TASKS
    answer = report(layers, followers, callers)

    elsewhere = Background(in_threads, THREADS, lambda: answer("cold"))
    here = asyncio.run(through_to_thread(TASKS, lambda: answer("cold")))

    check(answer, here + elsewhere.result(), callers)


def test_a_crowd_on_a_warm_backend_runs_nothing(layers: dict[str, Any], followers: Followers) -> None:
    """When the backend has the value, a crowd of threads and then of tasks gets it without a run."""
    answer = report(layers, followers, 1)
    answer("cold")
    cache.clear_l1()

    here = asyncio.run(through_to_thread(THREADS, lambda: answer("cold")))

    assert in_threads(THREADS, lambda: answer("cold")) + here == [{"cold": [4]}] * (2 * THREADS)
    assert answer.cache_info().misses == 1
