"""With integrity checking, an entry that a function did not write itself is a miss with a reason, and never a wrong value."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import hostile
from cachekit import _codec
from cachekit._making import made
from cachekit.errors import DecodeError
from forms import BulkVerbs
from hostile import CASES, COMPRESSORS, DAMAGE, DEEP, FOREIGN, Case, cached

pytest_plugins = ("ways",)

KEY = "ck:{0}:hostile"
NOW = _codec.Stamp(1_700_000_000.0, 60.0)
EVERY_CASE = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
EVERY_COMPRESSOR = pytest.mark.parametrize("compressor", COMPRESSORS)
REASONS = {"checksum", "foreign", "version", "truncated", "not understood", "malformed", "unchecked"}


@pytest.fixture(autouse=True)
def compressed(monkeypatch):
    """However small the entries are."""
    monkeypatch.setenv("CACHEKIT_COMPRESSION_THRESHOLD", "0")


def codec_of(case: Case, compressor: str, serializer: Any = None) -> _codec.Codec:
    serializer = serializer or case.serializer
    if case.returns is not Any:
        serializer = serializer.for_annotation(case.returns)
    limits = _codec.Limits(compress_from=0)
    return _codec.Codec(serializer, made("compressor", compressor), case.options.get("encryptor"), integrity=True, limits=limits)


def entry_of(codec: _codec.Codec, case: Case, key: str = KEY) -> bytes:
    return codec.pack(codec.dumps(case.value), key, NOW, ()).entry


def read(codec: _codec.Codec, raw: bytes) -> Any:
    value, _ = codec.value_of(codec.unpack(codec.open(raw, KEY, NOW), KEY, NOW))
    return value


def reason(codec: _codec.Codec, raw: bytes) -> str:
    with pytest.raises(DecodeError) as refusal:
        read(codec, raw)
    return refusal.value.reason


# -- damage ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DAMAGE)
@EVERY_COMPRESSOR
@EVERY_CASE
def test_every_damage_is_refused(case, compressor, kind):
    """Each flipped bit, each truncation, each window of zeros or ones, of an entry that is read while it is whole."""
    codec = codec_of(case, compressor)
    raw = entry_of(codec, case)
    assert len(raw) < 600
    assert case.same(read(codec, raw))
    assert {reason(codec, damaged) for damaged in DAMAGE[kind](raw)} <= REASONS


@EVERY_COMPRESSOR
@EVERY_CASE
def test_a_damaged_entry_is_a_miss_of_the_function(way, case, compressor):
    """Each counted with its reason; the function's own value is returned. 60 of them each, since a call takes longer."""
    backend = BulkVerbs()
    function = cached(way, backend, case, compressor=compressor)
    function()
    key, raw = function.key(), backend.entries[function.key()]
    assert case.same(function())
    assert (function.info.l2_hits, function.info.unread) == (1, {})
    tries = hostile.sample(raw, 60)
    for damaged in tries:
        backend.entries[key] = damaged
        assert case.same(function())
    assert (function.info.l2_hits, function.info.misses) == (1, 1 + len(tries))
    assert sum(function.info.unread.values()) == len(tries)
    assert set(function.info.unread) <= REASONS


def test_every_damage_is_a_miss_of_the_function(way):
    """All of it, for one entry, over a backend that answers at once."""
    case, backend = CASES["std, annotated"], BulkVerbs()
    function = cached(way, backend, case)
    function()
    key, raw, tries = function.key(), backend.entries[function.key()], 0
    for damaged in hostile.damaged(raw):
        backend.entries[key] = damaged
        assert function() == case.value
        tries += 1
    assert tries > 3 * len(raw)
    assert (function.info.l2_hits, sum(function.info.unread.values())) == (0, tries)


# -- what is of another origin ---------------------------------------------------------


@pytest.mark.parametrize("name", FOREIGN)
@EVERY_CASE
def test_foreign_bytes_are_a_miss(way, case, name):
    """Somebody else's bytes under the function's key; no code in them runs."""
    backend = BulkVerbs()
    function = cached(way, backend, case)
    function()
    backend.entries[function.key()] = FOREIGN[name]
    hostile.Trap.sprung = 0
    assert case.same(function())
    assert function.info.unread == {"foreign": 1}
    assert hostile.Trap.sprung == 0


@EVERY_CASE
def test_an_entry_of_another_key_or_version_is_a_miss(way, case):
    """A value moved from key to key, and one that a newer release wrote, its checksum right."""
    backend = BulkVerbs()
    function = cached(way, backend, case)
    for argument in (1, 2):
        function(argument)
    key, raw = function.key(1), backend.entries[function.key(1)]
    backend.entries[key] = backend.entries[function.key(2)]
    assert case.same(function(1))
    backend.entries[key] = hostile.of_version(raw, key, 2)
    assert case.same(function(1))
    assert (function.info.l2_hits, function.info.unread) == (0, {"checksum": 1, "version": 1})


# -- what has a right checksum ---------------------------------------------------------


_FIRST_OBJECT = ("text", "JSON", "MessagePack", "a pickle that runs code", "zeros", "ones")
_FIRST_OBJECT += ("nested JSON", "nested JSON objects", "nested pickle")
_READ_BY = {"std": _FIRST_OBJECT, "auto": _FIRST_OBJECT, "orjson": ("JSON",)}
"""What each serializer may take for its own: MessagePack's reader stops at the end of the first object, and `[` is one, the number 91."""


@EVERY_COMPRESSOR
@EVERY_CASE
def test_a_million_levels_behind_a_right_checksum_are_refused(case, compressor):
    """Compressed or not: neither the stack nor the caller sees them."""
    codec = codec_of(case, compressor, type(case.serializer)())  # whose bound on size is far above
    data = DEEP["nested JSON" if case.serializer.name == "orjson" else "nested MessagePack"]
    payload = made("compressor", compressor).compress(data)
    forged = hostile.repacked(entry_of(codec, case), KEY, payload, size=len(data), compressor=compressor)
    assert reason(codec, forged) in ({"sealed"} if case.options else {"corrupt", "truncated"})


@pytest.mark.parametrize("name", [*FOREIGN, *DEEP])
@EVERY_CASE
def test_a_forged_payload_never_fails_the_call(way, case, name):
    """Behind a right checksum it is a miss, or data of the serializer's own format; a pickle runs nothing."""
    backend = BulkVerbs()
    function = cached(way, backend, case)
    function()
    key, data = function.key(), (FOREIGN | DEEP)[name]
    backend.entries[key] = hostile.repacked(backend.entries[key], key, data, size=len(data), compressor="none")
    hostile.Trap.sprung = 0
    value = function()
    assert hostile.Trap.sprung == 0
    if function.info.l2_hits:
        assert name in _READ_BY[case.serializer.name]
        assert case.has_form(value)
    else:
        assert case.same(value)
        assert sum(function.info.unread.values()) == 1


def test_one_loop_serves_on_beside_hostile_entries():
    """Fifty coroutines at once, over entries of which every second one is damaged."""
    backend, case = BulkVerbs(), CASES["std"]

    async def main(way: Any) -> None:
        function = cached(way, backend, case).function
        for n in range(50):
            await function(n)
        for n in range(0, 50, 2):
            backend.entries[function.key(n)] = backend.entries[function.key(n)][:-1]
        values = await asyncio.gather(*(function(n) for n in range(50)))
        assert all(map(case.same, values))
        assert function.cache_info().unread == {"checksum": 25}
        assert function.cache_info().l2_hits == 25

    from ways import Way

    asyncio.run(main(Way("async", lambda value: value)))
