"""What backends and their entries claim of chunks: believed only as far as it costs nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cachekit import _frame
from cachekit._chunks import Manifest
from forms import FiveVerbs

pytest_plugins = ("ways",)

RANDOM = random.Random(7).randbytes(10_000)


class Small(FiveVerbs):
    """A backend that takes little at once."""

    max_value_bytes = 1000


def stored(backend: Any) -> list[str]:
    """The keys of entries and chunks, in the order they were written."""
    return [key for key in backend.entries if ":m:" not in key]


def entry_of(backend: Any) -> str:
    return min(stored(backend), key=len)


class Counting(Small):
    """Notes how many keys it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        return super().get(key)


def test_a_manifest_makes_nobody_read_what_is_not_there(way):
    """A few bytes that claim 65,000 chunks cost a batch of reads, not all of them."""
    backend = Counting()
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False)
    function()
    key = entry_of(backend)
    opened = _frame.unpack(backend.entries[key], key, integrity=True)
    claims = opened.header._replace(size=65_000 * 80, chunks=Manifest(bytes(16), 80, 65_000 * 80))
    backend.entries[key] = _frame.pack(claims, key, (), integrity=True)
    backend.reads = 0
    assert function() == RANDOM
    assert backend.reads < 300
    assert function.info.unread == {"chunk missing": 1}


def test_a_manifest_of_more_than_the_value_is_refused(way):
    """What is in the chunks never is more than what it unfolds to, so nobody makes room for it."""
    backend = Counting()
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False)
    function()
    key = entry_of(backend)
    header = _frame.unpack(backend.entries[key], key, integrity=True).header
    claims = header._replace(size=1000, chunks=Manifest(bytes(16), 978, 100_000_000))
    backend.entries[key] = _frame.pack(claims, key, (), integrity=True)
    assert function() == RANDOM
    assert function.info.unread == {"malformed": 1}


@pytest.mark.parametrize("attribute", ["max_value_bytes", "max_entry_bytes"])
@pytest.mark.parametrize("limit", [None, 0, -1, "1000", 10.5, True, ValueError], ids=str)
def test_a_limit_that_is_none_limits_nothing(way, attribute, limit):
    """Anybody's attribute may be None, or raise; the call has its value, and it is stored."""

    class Odd(FiveVerbs):
        pass

    def get(self: Any) -> Any:
        if limit is ValueError:
            raise ValueError
        return limit

    setattr(Odd, attribute, property(get))
    function = way.cached(lambda _: RANDOM, backend=Odd(), l1_enabled=False)
    assert function() == function() == RANDOM
    assert function.info.l2_hits == 1


def test_pieces_too_small_for_the_header_are_not_written(way):
    """Rather than write every chunk of an entry that the backend then refuses."""
    backend = Small()
    backend.max_value_bytes = 100
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False)
    assert function() == RANDOM
    assert stored(backend) == []
    assert function.info.uncacheable == 1
