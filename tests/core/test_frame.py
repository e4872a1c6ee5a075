"""The wire frame: what was packed comes back, and nothing else ever does."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit import _frame
from cachekit._chunks import Manifest
from cachekit._frame import NEVER, Header
from cachekit.errors import DecodeError

KEY = "ck:{0}:" + "0f" * 32
TEXT = b"\xa4text"
HEADER = Header(
    1_700_000_000_000_000, 1_700_001_800_000_000, 1_700_003_600_000_000, "std", "none", 5, (b"\x00\xff" * 8, b"t"), b"schema", "seal"
)


def pack(header, key, payload, *, integrity):
    """A whole frame, its payload behind its header."""
    return _frame.pack(header, key, (payload,), integrity=integrity) + payload


def unpack(data, key, *, integrity):
    """The header and payload of a frame in one piece."""
    opened = _frame.unpack(data, key, integrity=integrity)
    return opened.header, bytes(opened.payload)


CHECKED = pack(HEADER, KEY, TEXT, integrity=True)
UNCHECKED = pack(HEADER, KEY, TEXT, integrity=False)

MOMENTS = st.integers(0, NEVER)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
TOKENS = st.lists(st.binary(max_size=20)).map(tuple)
HEADERS = st.builds(
    Header, MOMENTS, MOMENTS, MOMENTS, NAMES, NAMES, MOMENTS, TOKENS, st.binary(max_size=40), st.just("") | NAMES, st.none()
)
MANIFESTS = st.builds(
    lambda write_id, total, piece: Manifest(write_id, *sorted((piece, total + piece))),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 10**6),
    st.integers(100, 10**6),
)


def flips(data):
    """*data* with each of its bits flipped in turn."""
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        yield bytes(flipped)


def windows(data):
    """*data* with each window of 2, 4 and 8 bytes overwritten."""
    for size in (2, 4, 8):
        for start in range(len(data) - size + 1):
            for fill in (b"\x00", b"\xff"):
                written = data[:start] + fill * size + data[start + size :]
                if written != data:
                    yield written


def damages(data):
    """*data* flipped, overwritten, cut short, and with more after it."""
    yield from flips(data)
    yield from windows(data)
    yield from (data[:end] for end in range(len(data)))
    yield from (data + b"\x00", data + data, data[1:], b"\x00" + data)


@settings(max_examples=300, deadline=None)
@given(HEADERS, st.binary(), st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=250), st.booleans())
def test_a_frame_comes_back_as_it_was(header, payload, key, integrity):
    """Every field, checked or not."""
    assert unpack(pack(header, key, payload, integrity=integrity), key, integrity=integrity) == (header, payload)


@settings(max_examples=200, deadline=None)
@given(HEADERS, MANIFESTS, st.binary(), st.booleans())
def test_a_frame_in_chunks_comes_back_as_it_was(header, manifest, payload, integrity):
    """Its header says where the payload is, and its checksum is the whole payload's."""
    header = header._replace(chunks=manifest)
    data = _frame.pack(header, KEY, (payload,), integrity=integrity)
    opened = _frame.unpack(data, KEY, integrity=integrity)
    assert (opened.header, bytes(opened.payload)) == (header, b"")
    opened.verify(KEY, payload)
    for key, other in ((KEY, payload + b"x"), (KEY + "x", payload)):
        if integrity:
            with pytest.raises(DecodeError, match="checksum"):
                opened.verify(key, other)


def test_a_checked_frame_that_was_damaged_is_refused():
    """Every flipped bit, every truncation, every overwritten window, with a reason."""
    for data in damages(CHECKED):
        with pytest.raises(DecodeError) as refusal:
            unpack(data, KEY, integrity=True)
        assert refusal.value.reason in ("foreign", "version", "not understood", "truncated", "checksum", "unchecked")


@pytest.mark.parametrize("data", [CHECKED, UNCHECKED], ids=["checked", "unchecked"])
def test_without_integrity_checking_damage_is_a_frame_or_a_decode_error(data):
    """Nothing but a `DecodeError` comes out of damaged bytes, and a checksum that is there is still checked."""
    for damaged in damages(data):
        try:
            header, _ = unpack(damaged, KEY, integrity=False)
        except DecodeError as refusal:
            assert refusal.reason
        else:
            assert type(header) is Header
            assert not damaged[3] & 1


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=100), st.booleans(), st.booleans())
def test_any_fields_are_a_frame_or_a_decode_error(fields, integrity, whole):
    """Random bytes where the fields stand, with their true length or another."""
    fixed = UNCHECKED[:36] + struct.pack(">I", len(fields) if whole else 2 * len(fields))
    try:
        unpack(fixed + fields + b"payload", KEY, integrity=integrity)
    except DecodeError as refusal:
        assert refusal.reason


def test_another_keys_frame_is_refused():
    """A value that was moved to another key, or whose key was changed by one character."""
    for key in (KEY[:-1] + "0", KEY + "0", KEY[:-1], "", KEY.upper()):
        for integrity in (True, False):
            with pytest.raises(DecodeError) as refusal:
                unpack(CHECKED, key, integrity=integrity)
            assert refusal.value.reason == "checksum"


def test_key_and_header_do_not_run_into_each_other():
    """A byte cannot move from the key to the header, or to the payload, and leave the checksum as it was."""
    sums = {
        (key, payload): pack(HEADER, key, payload, integrity=True)[4:12] for key in ("k", "ka", "kab") for payload in (b"", b"a", b"ab")
    }
    assert len(set(sums.values())) == len(sums)


def test_an_unchecked_frame_is_refused_where_integrity_is_asked_for():
    """An attacker, or a process with other settings, cannot leave the checksum out."""
    assert unpack(UNCHECKED, KEY, integrity=False) == (HEADER, TEXT)
    with pytest.raises(DecodeError) as refusal:
        unpack(UNCHECKED, KEY, integrity=True)
    assert refusal.value.reason == "unchecked"


@pytest.mark.parametrize("integrity", [True, False])
def test_a_newer_version_is_refused_by_its_number(integrity):
    """A deploy that writes version 2 costs this process misses, not errors."""
    for version in (0, 2, 255):
        data = CHECKED[:2] + bytes([version]) + CHECKED[3:]
        with pytest.raises(DecodeError, match=f"version {version}") as refusal:
            unpack(data, KEY, integrity=integrity)
        assert refusal.value.reason == "version"


@pytest.mark.parametrize("tag", [0, 6, 7, 9, 10, 11, *range(13, 20), 255])
def test_a_field_that_is_not_understood_is_refused(tag):
    """Reserved for later work, which this version must not guess at."""
    fields = UNCHECKED[40 : 40 + struct.unpack(">I", UNCHECKED[36:40])[0]]
    assert refused_with(fields + struct.pack(">BI", tag, 1) + b"x") == "not understood"


def refused_with(fields):
    """The reason for which a frame of these fields is refused."""
    data = UNCHECKED[:36] + struct.pack(">I", len(fields)) + fields + TEXT
    with pytest.raises(DecodeError) as refusal:
        unpack(data, KEY, integrity=False)
    return refusal.value.reason


@pytest.mark.parametrize(("size", "total"), [(0, 10), (10, 10), (10, 0), (1, 65_537), (2**63, 2**64 - 1), (5, 4)], ids=str)
def test_a_manifest_that_no_writer_makes_is_refused(size, total):
    """No bytes make a reader ask for a million chunks, or make room for a terabyte."""
    required = UNCHECKED[40:70]
    assert refused_with(required + struct.pack(">BI", 12, 32) + bytes(16) + struct.pack(">QQ", size, total)) == "malformed"


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)], ids=len)
def test_a_manifest_of_another_length_is_refused(content):
    """As is a field without content, which no writer makes."""
    assert refused_with(UNCHECKED[40:70] + struct.pack(">BI", 12, len(content)) + content) == "malformed"


def test_a_payload_beside_chunks_is_refused():
    """One frame has one payload."""
    header = HEADER._replace(chunks=Manifest(bytes(16), 10, 100))
    data = _frame.pack(header, KEY, (TEXT,), integrity=False) + TEXT
    with pytest.raises(DecodeError, match="malformed"):
        unpack(data, KEY, integrity=False)


FOREIGN = {
    "nothing": b"",
    "text": b"hello",
    "JSON": b'{"value": 1}' * 10,
    "MessagePack": b"\x81\xa1a\x01" * 30,
    "pickle": pickle.dumps({"a": [1, 2, 3] * 30}),
    "old pickle": pickle.dumps([1] * 100, protocol=0),
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "the magic alone": b"\xc5K",
    "the magic and zeros": b"\xc5K" + bytes(200),
    "a number": 5,
    "a str": "text" * 30,
    "a bytearray": bytearray(CHECKED),
    "a memoryview": memoryview(CHECKED),
    "None": None,
}


@pytest.mark.parametrize("integrity", [True, False])
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_bytes_are_refused(name, integrity):
    """Somebody else's entries under our key, and backends that return no bytes."""
    with pytest.raises(DecodeError) as refusal:
        unpack(FOREIGN[name], KEY, integrity=integrity)
    assert refusal.value.reason in ("foreign", "version", "malformed")


VECTORS = json.loads((Path(__file__).parent / "vectors" / "frame-v1.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_frozen_vectors_are_written_and_read(vector):
    """Version 1 is these bytes, in every release that knows it."""
    names = ("created", "soft", "hard", "serializer", "compressor", "size", "encryptor")
    chunks = vector["chunks"] and Manifest(bytes.fromhex(vector["chunks"]["write_id"]), vector["chunks"]["size"], vector["chunks"]["total"])
    tokens = tuple(map(bytes.fromhex, vector["tokens"]))
    header = Header(**{name: vector[name] for name in names}, tokens=tokens, schema=bytes.fromhex(vector["schema"]), chunks=chunks)
    payload, integrity = bytes.fromhex(vector["payload"]), vector["integrity"]
    data = _frame.pack(header, vector["key"], (payload,), integrity=integrity)
    assert (data if chunks else data + payload).hex() == vector["frame"]
    opened = _frame.unpack(bytes.fromhex(vector["frame"]), vector["key"], integrity=integrity)
    assert opened.header == header
    assert bytes(opened.payload) == (b"" if chunks else payload)
    opened.verify(vector["key"], payload)
