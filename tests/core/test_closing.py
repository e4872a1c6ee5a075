"""Closing while calls are under way: the loop goes on, the calls end, and no value is lost to its caller."""

from __future__ import annotations

import asyncio

import pytest

from cachekit import _making, _plugins, _resolve, cache, hookimpl
from cachekit.builtin import plugin as built_in
from cachekit.contracts import BackendSpec
from cachekit.testing import MemoryBackend
from crowd import PATIENCE, GatedBackend
from forms import FORMS


class Acorns:
    """A plugin whose backends are counted; with *only_once* it makes one, and then no other."""

    def __init__(self) -> None:
        self.made: list[MemoryBackend] = []
        self.only_once = False

    @hookimpl
    def cachekit_register_backends(self):
        return [BackendSpec(name="acorn", api_version=1, factory=self.make)]

    def make(self, settings):
        if self.made and self.only_once:
            raise OSError("no route")
        self.made.append(MemoryBackend())
        return self.made[-1]


@pytest.fixture
def acorns(monkeypatch):
    """A machine on which the backend acorn is installed, and not made yet."""
    acorns, registry = Acorns(), _plugins.Registry()
    registry.add(built_in, _plugins.Provider("built-in"))
    registry.add(acorns, _plugins.Provider("acorn"))
    monkeypatch.setattr(_plugins, "registry", registry)
    monkeypatch.setattr(_making, "_made", {})
    monkeypatch.setattr(_resolve, "_stores", {})
    return acorns


@pytest.mark.parametrize("only_once", [False, True], ids=["made anew", "not made anew"])
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_close_within_a_call_loses_no_value(form, only_once, acorns):
    """The backend was closed while the function ran: its caller has the value, whether or not another one can be made."""
    acorns.only_once = only_once
    function = form.function(lambda n: (cache.close(), n * 10)[1])
    cached = cache(backend="acorn", l1_enabled=False)(function)
    assert form.call(cached, 1) == 10
    assert function.ran == [1]


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_call_after_a_close_makes_its_backend_anew(form, acorns):
    """A close ends clients, not functions: the next call is cached in a backend made for it."""
    function = form.function()
    cached = cache(backend="acorn", l1_enabled=False)(function)
    form.call(cached, 1)
    cache.close()
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert len(acorns.made) == 2
    assert function.ran == [1, 1]


def test_aclose_lets_the_loop_go_on():
    """While it waits for a verb that hangs in a thread, other tasks run: one of them is what lets the verb go."""
    backend = GatedBackend()
    gate = backend.hold("before get")

    @cache(backend=backend)
    async def answer(n):
        return n

    async def main():
        call = asyncio.create_task(answer(1))
        await gate.areached()
        closing = asyncio.create_task(cache.aclose())
        for _ in range(100):  # turns of the loop: each would stand still if the close held it up
            await asyncio.sleep(0)
        assert not closing.done()
        gate.open()
        await asyncio.wait_for(closing, PATIENCE)
        assert await asyncio.wait_for(call, PATIENCE) == 1

    asyncio.run(main())
