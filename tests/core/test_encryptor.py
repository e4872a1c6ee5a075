"""An encryptor seals what lies at the backend, and binds it to its key and to everything its header says."""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cachekit import _frame, cache
from cachekit.errors import ConfigurationError, DecodeError
from cachekit.testing import MemoryBackend
from forms import FiveVerbs, warnings_of

pytest_plugins = ("ways", "backends")

SECRET = "the secret text " * 40


class Sealing:
    """AES-256-GCM as somebody's plugin would do it."""

    name = "sealing"

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, data, associated)

    def decrypt(self, data: bytes, associated: bytes) -> bytes:
        try:
            return self._cipher.decrypt(data[:12], data[12:], associated)
        except (InvalidTag, ValueError):
            raise DecodeError("sealed", "not by this key, or not for this entry") from None


def stored(backend: Any) -> dict[str, bytes]:
    return {key: value for key, value in backend.entries.items() if ":m:" not in key}


def only_entry(backend: Any) -> tuple[str, bytes]:
    ((key, raw),) = stored(backend).items()
    return key, raw


def sealed(way: Any, backend: Any, **options: Any) -> Any:
    return way.cached(lambda _: SECRET, backend=backend, **{"l1_enabled": False, "encryptor": Sealing(), "ttl": 60} | options)


@pytest.mark.parametrize("compressor", ["zstd", "none"])
@pytest.mark.parametrize("serializer", ["std", "pickle"])
def test_a_sealed_value_comes_back_and_is_not_to_be_read(way, each_backend, serializer, compressor):
    """From every backend, in which nothing of it stands."""
    function = sealed(way, each_backend, serializer=serializer, compressor=compressor)
    assert function() == function() == SECRET
    assert (function.info.misses, function.info.l2_hits) == (1, 1)
    raw = each_backend.get(function.key())
    assert b"secret" not in raw
    assert b"sealing" in raw, "its header says what sealed it"


@pytest.mark.parametrize("integrity", [True, False])
def test_every_changed_bit_of_a_sealed_entry_is_a_miss(way, integrity):
    """The seal is over the header too, so that no checksum is needed to see it."""
    backend = FiveVerbs()
    function = way.cached(lambda _: 7, backend=backend, l1_enabled=False, encryptor=Sealing(), integrity_checking=integrity)
    function()
    key, raw = only_entry(backend)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << (bit % 8)
        backend.entries[key] = bytes(changed)
        assert function() == 7
    assert (function.info.l2_hits, function.info.misses) == (0, 1 + len(raw) * 8)


def remade(raw: bytes, key: str, **fields: Any) -> bytes:
    """The entry with another header and a checksum that is right: what whoever can write to the backend can make."""
    opened = _frame.unpack(raw, key, integrity=True)
    return _frame.pack(opened.header._replace(**fields), key, (opened.payload,), integrity=True) + opened.payload


@pytest.mark.parametrize(
    "fields", [{"created": 10**15}, {"size": 5}, {"compressor": "none"}, {"schema": b"other"}, {"tokens": ()}], ids=str
)
def test_a_header_that_was_made_anew_is_a_miss(way, fields):
    """Who has no key cannot make an entry live longer, nor pass it off as another."""
    backend = FiveVerbs()
    function = sealed(way, backend)
    function()
    key, raw = only_entry(backend)
    backend.entries[key] = remade(raw, key, **fields)
    assert function() == SECRET
    assert (function.info.l2_hits, function.info.misses) == (0, 2)


def test_a_sealed_entry_that_was_moved_to_another_key_is_a_miss(way):
    """Even with a checksum made for the other key."""
    backend = FiveVerbs()
    function = way.cached(lambda n: n, backend=backend, l1_enabled=False, encryptor=Sealing())
    function(1)
    function(2)
    one, two = function.key(1), function.key(2)
    opened = _frame.unpack(backend.entries[one], one, integrity=True)
    backend.entries[two] = _frame.pack(opened.header, two, (opened.payload,), integrity=True) + opened.payload
    assert function(2) == 2
    assert function.info.unread == {"sealed": 1}


@pytest.mark.parametrize(
    ("writes", "reads", "reason"),
    [
        (None, Sealing(), "encryptor"),
        (Sealing(), None, "encryptor"),
        (Sealing(b"1" * 32), Sealing(b"2" * 32), "sealed"),
    ],
    ids=["not sealed", "sealed", "by another key"],
)
def test_an_entry_sealed_otherwise_is_a_miss(way, writes, reads, reason):
    """A function with an encryptor never takes what is not sealed by it."""
    backend = FiveVerbs()
    sealed(way, backend, encryptor=writes, version=1)()
    reader = sealed(way, backend, encryptor=reads, version=1)
    assert reader() == SECRET
    assert reader.info.unread == {reason: 1}


def test_a_large_sealed_value_goes_in_chunks(way):
    """Sealed as a whole, and then cut."""
    backend = MemoryBackend(max_value_bytes=1000)
    value = os.urandom(10_000)
    function = way.cached(lambda _: value, backend=backend, l1_enabled=False, encryptor=Sealing())
    assert function() == function() == value
    assert function.info.l2_hits == 1
    assert not any(value[i : i + 8] in entry for entry, _ in backend._entries.values() for i in range(0, 10_000, 500))


class Failing(Sealing):
    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        raise ValueError(f"cannot seal {data!r}")

    decrypt = encrypt


class Lying(Sealing):
    def encrypt(self, data: bytes, associated: bytes) -> Any:
        return "text"


@pytest.mark.parametrize("encryptor", [Failing(), Lying()], ids=lambda encryptor: type(encryptor).__name__)
def test_an_encryptor_that_fails_stores_nothing_and_says_nothing_of_the_value(way, caplog, encryptor):
    """The function's value is returned; it is at rest nowhere, nor in the log."""
    backend = FiveVerbs()
    function = sealed(way, backend, encryptor=encryptor, compressor="none")
    assert function() == SECRET
    assert stored(backend) == {}
    assert function.info.uncacheable == 1
    (said,) = warnings_of(caplog)
    assert "encryptor 'sealing'" in said
    assert "secret" not in caplog.text


@pytest.mark.parametrize("form", ["name", "object"])
def test_pickle_without_an_encryptor_is_refused_and_says_why(form):
    """Before any traffic, whatever the backend."""
    from cachekit.serializers import PickleSerializer

    serializer = "pickle" if form == "name" else PickleSerializer()
    for backend in (None, MemoryBackend()):
        with pytest.raises(ConfigurationError, match=r"run code here; give an encryptor="):
            cache(serializer=serializer, backend=backend)


class Trap:
    """What runs code when it is unpickled."""

    sprung: int = 0

    def __reduce__(self) -> Any:
        return (_spring, ())


def _spring() -> None:
    Trap.sprung += 1


def test_a_pickle_that_nobody_sealed_is_never_read(way):
    """Whoever can write to the backend, but has no key, runs nothing."""
    backend = FiveVerbs()
    function = sealed(way, backend, serializer="pickle")
    function()
    key, raw = only_entry(backend)
    opened = _frame.unpack(raw, key, integrity=True)
    payload = pickle.dumps(Trap())
    Trap.sprung = 0
    for encryptor in ("", "sealing"):
        header = opened.header._replace(size=len(payload), compressor="none", encryptor=encryptor)
        backend.entries[key] = _frame.pack(header, key, (payload,), integrity=True) + payload
        assert function() == SECRET
    assert Trap.sprung == 0
    pickle.loads(payload)
    assert Trap.sprung == 1, "the trap is one"
    assert function.info.unread == {"encryptor": 1, "sealed": 1}


@pytest.mark.parametrize("given", [5, object(), "nosuch", Sealing, struct], ids=str)
def test_an_encryptor_that_is_none_is_refused(given):
    """By what it lacks, when decorated."""
    with pytest.raises(ConfigurationError, match="encryptor="):
        cache(encryptor=given)
