"""A signal's handler that raises, as Ctrl-C does, may do so between any two lines: what is left works as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cachekit import cache
from cachekit._effects import Wait
from cachekit.config import L1CacheConfig
from crowd import Background
from forms import FORMS, Form, NativeVerbs
from interrupts import interrupted


def finished(form: Form, made: Any) -> Any:
    """What a call comes to; a coroutine that never suspends is run without a loop, so that no loop's end repairs anything."""
    if not form.is_async:
        return made
    try:
        made.send(None)
    except StopIteration as end:
        return end.value
    finally:
        made.close()
    raise AssertionError("it suspended")


def lookups(form: Form, function: Any) -> dict[str, Callable[[], Any]]:
    return {
        "call": lambda: finished(form, function(1)),
        "invalidate": lambda: finished(form, function.invalidate_cache(1)),
        "refresh": lambda: finished(form, function.refresh(1)),
        "clear": lambda: finished(form, function.cache_clear()),
    }


LAYERS: dict[str, Callable[[], dict[str, Any]]] = {
    "L1": lambda: {"backend": None},
    "L2": lambda: {"backend": NativeVerbs(), "l1_enabled": False},
    "both": lambda: {"backend": NativeVerbs()},
}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Wait]:
    """The waits that anybody began; each is given up at once."""
    waits: list[Wait] = []

    def perform(wait: Wait) -> Any:
        waits.append(wait)
        return wait.future.result() if wait.future.done() else None

    async def aperform(wait: Wait) -> Any:
        return perform(wait)

    monkeypatch.setattr(Wait, "perform", perform)
    monkeypatch.setattr(Wait, "aperform", aperform)
    return waits


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("verb", ["call", "invalidate", "refresh", "clear"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_no_flight_stays_open(form: Form, layers: str, verb: str, warm: bool, waits: list[Wait]) -> None:
    """After an interrupt before any line, another thread gets the right value and waits for nobody."""
    line = 0
    while True:
        line += 1
        function = cache(**LAYERS[layers]())(form.function())
        todo = lookups(form, function)
        finished(form, function(2))  # the settings are read
        if warm:
            todo["call"]()
        if not interrupted(line, todo[verb]):
            break
        waits.clear()
        assert Background(todo["call"]).result() == 10, f"line {line}"
        assert not waits, f"line {line}: waited for a leader that is no more"
    assert line > 10


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("verb", ["call", "invalidate", "refresh", "clear"])
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_every_verb_still_works(form: Form, verb: str, warm: bool) -> None:
    """After an interrupt before any line, calls, refreshes, invalidations and clears do what they promise, and raise nothing."""
    line = 0
    while True:
        line += 1
        function = cache(backend=None)(form.function())
        todo = lookups(form, function)
        finished(form, function(2))
        if warm:
            todo["call"]()
        if not interrupted(line, todo[verb]):
            break
        assert todo["call"]() == 10, f"line {line}"
        assert todo["refresh"]() == 10, f"line {line}"
        assert todo["invalidate"]().done, f"line {line}"
        ran = len(function.__wrapped__.ran)
        assert todo["call"]() == 10
        assert len(function.__wrapped__.ran) == ran + 1, f"line {line}: an invalidated value was served"
        assert todo["clear"]().done, f"line {line}"
        assert function.cache_info().entries == 0, f"line {line}"
    assert line > 10


def test_an_interrupted_eviction_leaves_room() -> None:
    """After an interrupt before any line of an eviction, later values are still held, and every entry can still be removed."""
    line = 0
    while True:
        line += 1

        @cache(backend=None, l1=L1CacheConfig(max_size_mb=1))
        def text(n: int) -> str:
            return "x" * 400_000 + str(n)

        text(1), text(2)
        if not interrupted(line, lambda: text(3)):
            break
        for n in (1, 2, 3, 1):
            assert text(n).endswith(str(n)), f"line {line}"
        hits = text.cache_info().l1_hits
        text(1)
        assert text.cache_info().l1_hits == hits + 1, f"line {line}: the last value was not held"
        cache.clear_l1()
        assert text.cache_info().entries == 0, f"line {line}"
    assert line > 10
