"""`std` gives back exactly what it was given, or refuses; and hostile bytes are a `DecodeError`, never more."""

from __future__ import annotations

import enum
import pathlib
import struct
import subprocess
import sys

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError, SerializationError
from corpus import (
    PYTHON_ONLY,
    STORABLE,
    Access,
    Color,
    Items,
    Mode,
    Octets,
    Real,
    Row,
    Table,
    Text,
    Whole,
    deep,
    exactly,
    recursive,
)
from nested import VALUES

std = StdSerializer()

WRAPS = {
    "alone": lambda v: v,
    "list": lambda v: [v, 1],
    "tuple": lambda v: (v,),
    "text keys": lambda v: {"a": v, "b": [v]},
    "mixed keys": lambda v: {1: v, "1": v, None: v, (1,): v},
    "deep": lambda v: [{"a": ({"\ud800": (v, [v])},)}],
}


WAYS = {
    "whole": lambda value: std.loads(std.dumps(value)),
    "in pieces": lambda value: std.loads_buffer(memoryview(b"".join(std.dumps_buffers(value)))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrap", WRAPS)
def test_a_value_comes_back_as_it_was(wrap, way):
    """Type and content, alone and at any nesting, in each of the ways values take."""
    for value in STORABLE:
        wrapped = WRAPS[wrap](value)
        back = WAYS[way](wrapped)
        assert exactly(back) == exactly(wrapped)
        if not isinstance(value, set | frozenset) and "{" not in repr(value)[:1000]:
            assert repr(back) == repr(wrapped)


def test_hashable_values_come_back_inside_sets_and_as_keys():
    """Where a value may stand in a set or as a key, it comes back from there."""
    for value in STORABLE:
        try:
            wraps = [{value}, frozenset({value}), {value: 1}, {(value, 1): {value: {value}}}]
        except TypeError:
            continue
        for wrapped in wraps:
            assert exactly(std.loads(std.dumps(wrapped))) == exactly(wrapped)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_nested_values_come_back_as_they_were(value):
    """Whatever nests in whatever."""
    assert exactly(std.loads(std.dumps(value))) == exactly(value)


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_two_values_are_never_the_same_bytes(left, right):
    """Nothing is written as its look-alike."""
    assert (std.dumps(left) == std.dumps(right)) <= (exactly(left) == exactly(right))


class Unlisted(enum.Enum):
    ONE = 1


def test_members_of_enums_come_back_themselves():
    """The same object, aliases and combined flags too; bits without a name stay."""

    class Alias(enum.Enum):
        __module__, __qualname__ = __name__, "Alias"
        ONE = (1,)
        EIN = ONE

    globals()["Alias"] = Alias
    for member in (*Color, Unlisted.ONE, Alias.EIN, *Access, Access(3)):
        assert std.loads(std.dumps(member)) is member
    assert exactly(std.loads(std.dumps(Mode(9)))) == exactly(Mode(9))


@pytest.mark.parametrize("path", ["//./", "//a/b/c", "c:", "c:a", "//?/c:/x", "/", "", "c:/a:b"])
def test_windows_paths_come_back_or_are_refused(path):
    """Drives and shares too, whose text is not always the path again."""
    value = pathlib.PureWindowsPath(path)
    try:
        data = std.dumps(value)
    except SerializationError:
        return
    assert repr(std.loads(data)) == repr(value)


def test_an_enum_that_another_process_could_not_find_is_refused():
    """The text says where to define it."""

    class Local(enum.Enum):
        ONE = 1

    with pytest.raises(SerializationError, match="top of a module"):
        std.dumps([Local.ONE])


SUBCLASSED = [Text("a"), Whole(1), Real(1.0), Octets(b"a"), Items([1]), Table({1: 1}), Row((1,)), Text("\ud800"), Whole(2**70)]
SURROUNDED = [
    lambda v: v,
    lambda v: [v],
    lambda v: (v,),
    lambda v: {"a": v},
    lambda v: {1: v},
    lambda v: [b"1", bytearray(b"1"), v],
    lambda v: [{"\ud800": 1}, v],
]


@pytest.mark.parametrize("value", SUBCLASSED, ids=lambda value: type(value).__name__)
def test_subclasses_are_refused_everywhere(value):
    """A subclass would come back as its base; the text names it, and what to do."""
    for wrap in (*SURROUNDED, *((lambda v: {v: 1}, lambda v: {v: 1, 2: 3}) if type(value).__hash__ else ())):
        with pytest.raises(SerializationError, match=f"{type(value).__name__}.*serializer=") as refusal:
            std.dumps(wrap(value))
        assert "plain data" in str(refusal.value)


def test_python_objects_are_refused():
    """What `std` does not know is refused, not guessed."""
    for value in (*PYTHON_ONLY, object(), len, lambda: 1, memoryview(b"1"), [memoryview(b"1")], {1: memoryview(b"1")}, NotImplemented):
        if exactly(value) == exactly(deep(400)):
            continue  # plain, only deep
        try:
            back = std.loads(std.dumps(value))
        except SerializationError:
            continue
        assert exactly(back) == exactly(value)


@pytest.mark.parametrize("tag", [1, 4, 19, 100])
def test_the_codecs_own_extension_type_is_refused(tag):
    """A user's `ormsgpack.Ext` must not come back as what our tag of that number means."""
    for wrap in SURROUNDED:
        with pytest.raises(SerializationError):
            std.dumps(wrap(ormsgpack.Ext(tag, std.dumps([1, 2]))))


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}, lambda v: frozenset({v})])
@pytest.mark.parametrize("levels", [10, 60, 200, 1000, 1500, 20_000])
def test_deep_values_come_back_or_are_refused(wrap, levels):
    """No depth ends in another error, or in a value that is not the one given."""
    value = deep(levels, wrap)
    try:
        data = std.dumps(value)
    except SerializationError:
        assert levels > 60
        return
    back = std.loads(data)
    for _ in range(levels):
        assert type(back) is type(value)
        back, value = (next(iter(v.values() if isinstance(v, dict) else v)) for v in (back, value))
    assert back == value == 1


def test_a_value_that_contains_itself_is_refused():
    """As a list, and as a dict's value."""
    mapping = {}
    mapping["self"] = mapping
    for value in (recursive(), mapping, {1: recursive()}, (recursive(),)):
        with pytest.raises(SerializationError):
            std.dumps(value)


# -- hostile bytes ---------------------------------------------------------------------------


def assert_decodes_or_refuses(data):
    """`loads` gives a value, or raises `DecodeError`; nothing else."""
    try:
        std.loads(data)
    except DecodeError as refusal:
        assert refusal.reason


SAMPLES = [std.dumps(value) for value in STORABLE if sys.getsizeof(value) < 2000 and len(std.dumps(value)) < 200]


def test_every_truncation_and_every_flipped_bit_is_a_value_or_a_decode_error():
    """Of each sample: nothing else comes out of `loads`."""
    for data in SAMPLES:
        for end in range(len(data)):
            assert_decodes_or_refuses(data[:end])
        for bit in range(len(data) * 8):
            assert_decodes_or_refuses((int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big"))
        assert_decodes_or_refuses(data + b"\x00")


EXTENSIONS = st.builds(lambda tag, data: b"\xc7" + bytes([len(data), tag]) + data, st.integers(0, 25), st.binary(max_size=60))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64) | EXTENSIONS)
def test_any_bytes_are_a_value_or_a_decode_error(data):
    """Random bytes, and random contents of each extension type."""
    assert_decodes_or_refuses(data)


def ext(tag, *items):
    content = ormsgpack.packb(list(items))
    return b"\xc8" + struct.pack(">HB", len(content), tag) + content


HOSTILE = {
    "unknown extension": b"\xd4\x63\x00",
    "negative extension": b"\xd4\xff\x00",
    "set of lists": ext(2, [1], [2]),
    "frozenset of dicts": ext(3, {"a": 1}),
    "dict with a list as key": ext(5, [1], 2),
    "dict with a key twice": ext(5, 1, 2, 1, 3),
    "dict of an odd number": ext(5, 1),
    "enum of a class that is none": ext(17, "os", "environ", "x"),
    "enum of a class that is no enum": ext(17, "subprocess", "Popen", "x"),
    "enum of an unknown module": ext(17, "no.such.module", "X", "Y"),
    "enum member of another type": ext(17, "corpus", "Color", [1]),
    "flag that is not one": ext(17, "corpus", "Access", 99),
    "datetime of month 13": ext(10, 2024, 13, 1, 0, 0, 0, 0, 0, None),
    "datetime with a text as zone": ext(10, 2024, 1, 1, 0, 0, 0, 0, 0, "UTC"),
    "zone outside its folder": b"\xc7\x10\x0f../../etc/passwd",
    "zone that is a folder": b"\xc7\x06\x0fEurope",
    "range of step 0": ext(19, 0, 1, 0),
    "path of an unknown kind": ext(16, "Popen", "x"),
    "claims four billion items": b"\xdd\xff\xff\xff\xff\x01",
    "claims four billion pairs": b"\xdf\xff\xff\xff\xff\xa1a\x01",
    "claims four billion bytes": b"\xc6\xff\xff\xff\xff\x01",
    "a million lists": b"\x91" * 1_000_000 + b"\xc0",
    "a million dicts": b"\x81\xa1a" * 1_000_000 + b"\xc0",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_a_decode_error(name):
    """With a reason that is counted."""
    with pytest.raises(DecodeError) as refusal:
        std.loads(HOSTILE[name])
    assert refusal.value.reason in ("corrupt", "not understood", "unknown type")


BOUNDED = """
import re, resource, struct, sys
from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError
def resident(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
headers, inner = [], 1
while len(headers) < 300_000:
    headers.append(b"\\xc9" + struct.pack(">IB", inner + 1, 1) + b"\\x91")
    inner += 7
data = b"".join(reversed(headers)) + b"\\xc0"
del headers
before = resident()
try:
    StdSerializer().loads(data)
except DecodeError as refusal:
    print(refusal.reason, round(resident() - before))
"""


def test_deeply_nested_extensions_do_not_multiply_their_size():
    """2 MB of tuple in tuple in tuple cost no hundreds: each level would hold a copy of all below it."""
    run = subprocess.run([sys.executable, "-c", BOUNDED], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    reason, grown = run.stdout.split()
    assert reason == "corrupt"
    assert int(grown) < 150
