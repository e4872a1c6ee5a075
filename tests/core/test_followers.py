"""Followers of a leader that is slow or fails: one of them leads next, and what each makes of an error is its own."""

from __future__ import annotations

import asyncio
import threading
import traceback
from typing import Any

import pytest

from cachekit import cache
from cachekit._effects import Wait
from crowd import PATIENCE, Background, Followers, Gate, in_tasks, in_threads
from forms import FORMS

CALLERS = 12


class Impatient:
    """Followers of the first flight wait no longer than it takes to say so; those of later ones wait as ever, and are counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changed = threading.Condition()
        self.first: Any = None
        self.later = 0
        perform, aperform = Wait.perform, Wait.aperform

        def waited(wait: Wait) -> Any:
            return None if self._gives_up(wait) else perform(wait)

        async def awaited(wait: Wait) -> Any:
            return None if self._gives_up(wait) else await aperform(wait)

        monkeypatch.setattr(Wait, "perform", waited)
        monkeypatch.setattr(Wait, "aperform", awaited)

    def _gives_up(self, wait: Wait) -> bool:
        with self.changed:
            self.first = self.first or wait.future
            self.later += wait.future is not self.first
            self.changed.notify_all()
            return wait.future is self.first

    def until(self, count: int) -> None:
        """Wait until *count* callers follow a later flight."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.later >= count, PATIENCE / 3), f"{self.later} of {count} follow the new leader"


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_after_a_leader_that_is_too_slow_one_follower_leads(form, monkeypatch):
    """When patience ends, one of those who waited runs the function and the others wait for that one, instead of all running it."""
    impatient, gate = Impatient(monkeypatch), Gate()
    runs: list[int] = []

    def slow() -> int:
        runs.append(len(runs))
        mine = runs[-1]
        if mine == 0:
            gate.stop()
        else:
            impatient.until(CALLERS - 2)
            gate.open()
        return mine

    if form.is_async:

        @cache(backend=None)
        async def answer(n: int) -> int:
            return await asyncio.to_thread(slow)

        async def crowd() -> list[Any]:
            first = asyncio.create_task(answer(1))
            await gate.areached()
            return [*await in_tasks(CALLERS - 1, lambda: answer(1)), await first]

        outcomes = asyncio.run(crowd())
    else:

        @cache(backend=None)
        def answer(n: int) -> int:
            return slow()

        first = Background(answer, 1)
        gate.reached()
        outcomes = [*in_threads(CALLERS - 1, lambda: answer(1)), first.result()]
    assert outcomes == [1] * (CALLERS - 1) + [0]
    assert runs == [0, 1]
    assert answer.cache_info().shared == CALLERS - 2


class Plain(Exception):
    """An exception as most are."""


class WithFields(Exception):
    """One whose fields are its arguments."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code


ERRORS = {"builtin": lambda: KeyError("mine"), "plain": lambda: Plain("mine"), "with fields": lambda: WithFields(403, "mine")}


def raised_by(call: Any) -> BaseException:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_followers_error_is_its_own(form, make, monkeypatch):
    """What a follower was doing when it called, its private exception and its frames, does not show in the leader's error."""
    followers, gate = Followers(monkeypatch), Gate()

    def refuse(n: int) -> None:
        gate.stop()
        raise make()

    def following() -> None:
        try:
            raise ValueError("the follower's private context")
        except ValueError:
            form.call(answer, 1)

    if form.is_async:

        @cache(backend=None)
        async def answer(n: int) -> None:
            await asyncio.to_thread(refuse, n)
    else:

        @cache(backend=None)
        def answer(n: int) -> None:
            refuse(n)

    leader = Background(raised_by, lambda: form.call(answer, 1))
    gate.reached()
    follower = Background(raised_by, following)
    followers.until(1)
    gate.open()
    led, followed = leader.result(), follower.result()
    assert (type(led), led.args, vars(led)) == (type(followed), followed.args, vars(followed))
    assert "private" not in "".join(traceback.format_exception(led))
    assert "following" not in [frame.name for frame in traceback.extract_tb(led.__traceback__)]
    followed.add_note("seen by the follower")
    assert not hasattr(led, "__notes__")
