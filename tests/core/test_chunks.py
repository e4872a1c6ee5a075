"""Values larger than a backend takes at once: whole or a miss, and nothing left behind for longer than they hold."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cachekit.testing import MemoryBackend
from forms import BulkVerbs, FiveVerbs, moved_clock, warnings_of

pytest_plugins = ("ways", "backends")

PIECE = 1000
RANDOM = random.Random(7).randbytes(10_000)
"""Incompressible, so that it is as large stored as it is here: eleven chunks."""
MEGABYTE = random.Random(8).randbytes(1_100_000)


class Small(FiveVerbs):
    """A backend as somebody writes it in a minute, that says what it takes at once."""

    max_value_bytes = PIECE

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        assert len(value) <= PIECE
        super().set(key, value, ttl)


class SmallBulk(Small, BulkVerbs):
    """With every capability."""


def stored(backend: Any) -> list[str]:
    """The keys of entries and chunks, in the order they were written."""
    return [key for key in backend.entries if ":m:" not in key]


def entry_and_chunks(backend: Any) -> tuple[str, list[str]]:
    """The key of the one entry there is, and those of its chunks in their order."""
    keys = stored(backend)
    entry = min(keys, key=len)
    return entry, [key for key in keys if key != entry]


@pytest.mark.parametrize("small", [Small, SmallBulk])
@pytest.mark.parametrize("value", [RANDOM, [RANDOM, {"a": RANDOM}], RANDOM * 30], ids=["bytes", "nested", "many chunks"])
def test_a_large_value_comes_back_from_a_backend_of_small_values(way, small, value):
    """No piece is larger than the backend takes, and the value is the same."""
    backend = small()
    writer, reader = (way.cached(lambda _: value, backend=backend, l1_enabled=False, version=1) for _ in range(2))
    assert writer() == value
    assert len(entry_and_chunks(backend)[1]) > 10
    assert reader() == value
    assert (reader.info.l2_hits, reader.info.misses) == (1, 0)


def test_the_setting_bounds_what_any_backend_is_given(way, each_backend, monkeypatch):
    """CACHEKIT_MAX_CHUNK_SIZE_MB: a value of 3.5 MiB goes in pieces of 1 MiB, and comes back, from every backend."""
    monkeypatch.setenv("CACHEKIT_MAX_CHUNK_SIZE_MB", "1")
    value = random.Random(8).randbytes(7 << 19)
    sizes = []
    given = each_backend.set

    def noted(key: str, data: bytes, ttl: float | None) -> None:
        sizes.append(len(data))
        given(key, data, ttl)

    async def anoted(key: str, data: bytes, ttl: float | None) -> None:
        noted(key, data, ttl)

    monkeypatch.setattr(each_backend, "set", noted)
    if hasattr(each_backend, "aset"):
        monkeypatch.setattr(each_backend, "aset", anoted)
    function = way.cached(lambda _: value, backend=each_backend, l1_enabled=False)
    assert function() == function() == value
    assert function.info.l2_hits == 1
    assert sum(sizes) > len(value)
    assert max(sizes) == 1 << 20


def swapped(backend: Any, chunks: list[str]) -> None:
    backend.entries[chunks[1]], backend.entries[chunks[2]] = backend.entries[chunks[2]], backend.entries[chunks[1]]


def all_in_one_place(backend: Any, chunks: list[str]) -> None:
    for key in chunks[:-1]:
        backend.entries[key] = backend.entries[chunks[0]]


def replaced(content: Any) -> Any:
    def replace(backend: Any, chunks: list[str]) -> None:
        backend.entries[chunks[3]] = content(backend.entries[chunks[3]])

    return replace


HARM = {
    "one is missing": lambda backend, chunks: backend.entries.pop(chunks[4]),
    "the first is missing": lambda backend, chunks: backend.entries.pop(chunks[0]),
    "the last is missing": lambda backend, chunks: backend.entries.pop(chunks[-1]),
    "two are swapped": swapped,
    "one stands in all places": all_in_one_place,
    "one is cut short": replaced(lambda chunk: chunk[:-1]),
    "one is longer": replaced(lambda chunk: chunk + b"x"),
    "one is empty": replaced(lambda chunk: b""),
    "one is foreign": replaced(lambda chunk: bytes(len(chunk))),
    "one is of another write": replaced(lambda chunk: chunk[:2] + bytes(16) + chunk[18:]),
    "one is text": replaced(lambda chunk: "text"),
}


@pytest.mark.parametrize("integrity", [True, False])
@pytest.mark.parametrize("harm", HARM)
def test_chunks_that_do_not_belong_together_are_a_miss(way, harm, integrity):
    """Missing, torn, mixed or reordered, with a checksum and without: the function runs, and its value is stored anew."""
    backend = Small()
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False, integrity_checking=integrity)
    function()
    HARM[harm](backend, entry_and_chunks(backend)[1])
    assert function() == RANDOM
    assert sum(function.info.unread.get(reason, 0) for reason in ("chunk", "chunk missing")) == 1
    assert function() == RANDOM
    assert (function.info.misses, function.info.l2_hits) == (2, 1)


def test_a_bit_flipped_within_a_chunk_is_a_miss(way):
    """The checksum is over the whole value."""
    backend = Small()
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False)
    function()
    replaced(lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1]))(backend, entry_and_chunks(backend)[1])
    assert function() == RANDOM
    assert function.info.unread == {"checksum": 1}


def test_an_older_entry_finds_its_own_chunks(way):
    """A write over it leaves a reader of the older entry the older value, whole."""
    backend, values = Small(), iter([RANDOM, RANDOM[::-1]])
    function = way.cached(lambda _: next(values), backend=backend, l1_enabled=False)
    function()
    entry, _ = entry_and_chunks(backend)
    older = backend.entries[entry]
    function.refresh()
    assert function() == RANDOM[::-1]
    backend.entries[entry] = older
    assert function() == RANDOM


def test_a_write_that_breaks_off_stores_no_entry(way):
    """The entry comes after its chunks, so what is there is whole."""
    backend = Small()
    function = way.cached(lambda _: RANDOM, backend=backend, l1_enabled=False)
    given = backend.set

    def breaking(key: str, value: bytes, ttl: float | None) -> None:
        if key.endswith(":5"):
            raise OSError("the connection broke")
        given(key, value, ttl)

    backend.set = breaking  # type: ignore[method-assign]
    assert function() == RANDOM
    assert function.key() not in backend.entries
    assert function.info.backend_errors == 1
    del backend.set
    assert function() == function() == RANDOM
    assert function.info.l2_hits == 1


@pytest.mark.parametrize("ttl", [60, None])
def test_chunks_are_gone_when_their_time_is_over(way, monkeypatch, ttl):
    """Replaced, invalidated or expired: no chunk is left beyond the ttl, nor, where there is none, beyond 30 days."""
    clock = moved_clock(monkeypatch)
    backend = MemoryBackend(clock=clock, max_value_bytes=PIECE)
    function = way.cached(lambda _: RANDOM, backend=backend, ttl=ttl)
    function()
    function.refresh()
    function.invalidate_cache()
    function()
    keys = [key for key in backend._entries if ":m:" not in key]
    assert len(keys) > 30
    clock.move((ttl or 30 * 86400) + 1)
    assert [key for key in keys if backend.exists(key)] == ([] if ttl else [function.key()])
    assert function() == RANDOM


def test_an_invalidated_large_value_is_not_read(way):
    """Of its key, and of the function."""
    backend = Small()
    function = way.cached(lambda _: RANDOM, backend=backend)
    function()
    assert function.invalidate_cache().status == "done"
    function()
    assert function.cache_clear().status == "done"
    function()
    assert (function.info.misses, function.info.l2_hits, function.info.l1_hits) == (3, 0, 0)


def test_a_value_beyond_the_largest_is_returned_and_said(way, monkeypatch, caplog):
    """CACHEKIT_MAX_VALUE_SIZE_MB: not stored, said once with the remedy, counted each time."""
    monkeypatch.setenv("CACHEKIT_MAX_VALUE_SIZE_MB", "1")
    backend = Small()
    function = way.cached(lambda _: MEGABYTE, backend=backend)
    for _ in range(2):
        assert function() == MEGABYTE
    assert stored(backend) == []
    assert function.info.uncacheable == 2
    (said,) = warnings_of(caplog)
    assert "CACHEKIT_MAX_VALUE_SIZE_MB" in said


def test_a_value_that_would_take_too_many_chunks_is_not_stored(way):
    """A reader asks for 65,536 at most."""
    backend = Small()
    backend.max_value_bytes = 23
    function = way.cached(lambda _: MEGABYTE, backend=backend)
    assert function() == MEGABYTE
    assert stored(backend) == []
    assert function.info.uncacheable == 1


def test_a_limit_on_entries_is_not_circumvented_by_chunks(way, tmp_path, caplog):
    """CACHEKIT_FILE_MAX_VALUE_MB bounds what a value takes in all."""
    from cachekit_file import FileBackend, FileBackendConfig

    backend = FileBackend(FileBackendConfig(cache_dir=tmp_path, max_value_mb=1))
    try:
        function = way.cached(lambda _: MEGABYTE, backend=backend)
        assert function() == MEGABYTE
        assert not backend.exists(function.key())
        assert function.info.backend_errors == 1
        assert "1048576" in warnings_of(caplog)[0]
    finally:
        backend.close()
