"""An invalidation reaches the L1 of every process, where the backend can broadcast; two budgets stand for two processes."""

from __future__ import annotations

from typing import Any

import pytest

from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from forms import FiveVerbs

pytest_plugins = ("ways",)


class Source:
    value: Any = 0


def read(_: Any) -> Any:
    return Source.value


def two(way: Any, backend: Any, *, here: bool = True, there: bool = True) -> Any:
    """The function as two processes have it, and both have called it."""
    Source.value = 1
    functions = [way.cached(read, backend=backend, l1=L1CacheConfig(invalidation_enabled=enabled)) for enabled in (here, there)]
    for function in functions:
        assert function(7) == function(7) == 1
    Source.value = 2
    return functions


CHANGES = {
    "invalidate_cache": lambda function: function.invalidate_cache(7),
    "cache_clear": lambda function: function.cache_clear(),
    "refresh": lambda function: function.refresh(7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_reaches_the_other_l1(way, change):
    """Invalidated, cleared or refreshed here: there the next call no longer gets the old value."""
    here, there = two(way, MemoryBackend())
    CHANGES[change](here)
    assert there(7) == 2


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("switched_off", ["here", "there"])
def test_with_invalidation_disabled_nothing_is_told_or_heard(way, change, switched_off):
    """invalidation_enabled=False: the other's L1 serves what it has, up to its ttl."""
    here, there = two(way, MemoryBackend(), **{switched_off: False})
    CHANGES[change](here)
    assert there(7) == 1


def test_other_keys_stay(way):
    """What was not invalidated is still a hit there."""
    here, there = two(way, MemoryBackend())
    there(8)
    hits = there.info.l1_hits
    here.invalidate_cache(7)
    there(8)
    assert there.info.l1_hits == hits + 1


def test_without_the_capability_all_is_as_before(way):
    """A backend of five verbs is told of nothing, and invalidations are done."""
    here, there = two(way, FiveVerbs())
    assert here.invalidate_cache(7).status == "done"
    assert there(7) == 1


@pytest.mark.parametrize("noise", [b"", b"\xff\xfe", b"unknown key", b"ck:{0}:m:f:00 ck:{0}:00", "text", None], ids=repr)
def test_noise_on_the_channel_changes_nothing(way, noise):
    """Messages of others are not ours."""
    backend = MemoryBackend()
    here, _ = two(way, backend)
    backend.publish(noise)
    assert here(7) == 1


def test_a_channel_that_fails_makes_the_invalidation_pending(way):
    """The backend has it, and this process's L1; that others were not told is said, and tried again."""

    class Mute(MemoryBackend):
        def publish(self, message: bytes) -> None:
            raise ConnectionError

    here, _ = two(way, Mute())
    assert here.invalidate_cache(7).status == "pending"
    assert here(7) == 2
