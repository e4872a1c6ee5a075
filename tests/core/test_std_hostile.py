"""What `std` decodes never takes more memory or time than its bounds say, whatever the bytes unfold to."""

from __future__ import annotations

import enum
import struct
import subprocess
import sys

import pytest

from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError, SerializationError

MIB = 1 << 20

GROWTH = """
import re, resource, struct, sys
from cachekit.builtin.std import StdSerializer
from cachekit.builtin._unfolding import exactly
from cachekit.errors import DecodeError
import datetime, decimal, pathlib, uuid, zoneinfo
unit, form = eval(sys.argv[1])
limit = 16 << 20
std = StdSerializer(max_bytes=limit)
std.loads(std.dumps([(1, {2}), pathlib.PurePosixPath("a/b"), datetime.datetime.now(datetime.UTC), uuid.UUID(int=1)]))
def data(count):
    if form == "distinct":  # one marked array of that many different small integers
        made = bytearray(b"\\xdd" + struct.pack(">I", count + 1) + unit)
        for i in range(count):
            made += b"\\xce" + struct.pack(">I", 70_000 + i)
        return bytes(made)
    if form == "map":
        made = bytearray(b"\\xdf" + struct.pack(">I", count))
        for i in range(count):
            made += b"\\xa6" + b"%06x" % i + b"\\xc0"
        return bytes(made)
    if form == "text":
        return b"\\xdb" + struct.pack(">I", count) + b"a" * (count - 4) + unit
    if form == "path":
        text = b"".join(b"%05x/" % i for i in range(count // 6))
        return b"\\x93\\xc7\\x00\\x10" + b"\\xadPurePosixPath" + b"\\xdb" + struct.pack(">I", len(text)) + text
    return b"\\xdd" + struct.pack(">I", count) + unit * count
def cost(count):
    sample = data(count)
    return len(sample) + exactly(sample, 1 << 60)
each = (cost(660) - cost(60)) / 600
most = int((2 * limit - cost(60)) / each * 0.97)
taken = data(most)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
start = resident() - len(taken)
value = std.loads(taken)
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024  # ru_maxrss begins at the parent's
del value
reason = "none"
try:
    std.loads(data(int(most * 1.25)))
except DecodeError as error:
    reason = error.reason
print(reason, peak - start, len(taken), sep=",")
"""

DENSE = {
    "dicts": (b"\x80", ""),
    "lists": (b"\x90", ""),
    "lists of one": (b"\x91\xc0", ""),
    "dicts of one": (b"\x81\xa0\xc0", ""),
    "dicts of six": (b"\x86" + b"".join(b"\xa1" + bytes([97 + i]) + b"\xc0" for i in range(6)), ""),
    "dicts of eleven": (b"\x8b" + b"".join(b"\xa1" + bytes([97 + i]) + b"\xc0" for i in range(11)), ""),
    "nested dicts": (b"\x81\xa0" * 200 + b"\xc0", ""),
    "nested lists": (b"\x91" * 200 + b"\xc0", ""),
    "long lists' heads": (b"\xdc\x00\x00", ""),
    "numbers": (b"\xcd\xff\xff", ""),
    "floats": (b"\xca\x3f\x80\x00\x01", ""),
    "texts": (b"\xa2ab", ""),
    "wide texts": (b"\xa5a\xf0\x9f\x98\x80", ""),
    "bytes": (b"\xc4\x02ab", ""),
    "tuples": (b"\x91\xc7\x00\x01", ""),
    "tuples of tuples": (b"\x92\xc7\x00\x01" * 100 + b"\xc0", ""),
    "sets": (b"\x91\xc7\x00\x02", ""),
    "sets of five": (b"\x96\xc7\x00\x02\x01\x02\x03\x04\x05", ""),
    "frozensets of one": (b"\x92\xc7\x00\x03\x01", ""),
    "frozensets of frozensets": (b"\x92\xc7\x00\x03" * 100 + b"\xc0", ""),
    "dicts of a number": (b"\x93\xc7\x00\x05\x01\x02", ""),
    "bytearrays": (b"\xd4\x04a", ""),
    "decimals": (b"\xd4\x081", ""),
    "uuids": (b"\xd8\x09" + bytes(range(16)), ""),
    "surrogates": (b"\xc7\x03\x12\xed\xa0\x80", ""),
    "datetimes": (b"\x9a\xc7\x00\x0a\xcd\x07\xe8\x01\x01\x00\x00\x00\x00\x00\xc0", ""),
    "offsets": (b"\x92\xc7\x00\x0e\x94\xc7\x00\x0d\x00\x01\x00", ""),
    "ranges": (b"\x94\xc7\x00\x13\x00\x01\x01", ""),
    "paths": (b"\x93\xc7\x00\x10\xadPurePosixPath\xa5a/b/c", ""),
    "long paths": (b"", "path"),
    "one tuple": (b"\xc7\x00\x01", "distinct"),
    "one set": (b"\xc7\x00\x02", "distinct"),
    "one frozenset": (b"\xc7\x00\x03", "distinct"),
    "one set, its mark long": (b"\xc8\x00\x00\x02", "distinct"),
    "one dict": (b"", "map"),
    "one text": (b"abcd", "text"),
    "one wide text": (b"\xf0\x9f\x98\x80", "text"),
}


@pytest.mark.parametrize("name", DENSE)
def test_decoding_takes_at_most_twice_the_limit(name):
    """The most of each form that is taken grows the process by less than the bound; twice as much is refused."""
    run = subprocess.run([sys.executable, "-c", GROWTH, repr(DENSE[name])], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    reason, grown, size = run.stdout.split(",")
    assert reason == "too large"
    assert int(grown) < 2 * 16 * MIB + 2 * MIB, f"{size} bytes grew it by {int(grown) / MIB:.1f} MiB"


def colliding(count):
    """So many integers of one hash, as `std` writes them."""
    std = StdSerializer()
    return [std.dumps(1 + i * (2**61 - 1)) for i in range(count)]


@pytest.mark.parametrize("tag", [2, 3, 5])
def test_items_that_share_one_hash_are_refused(tag):
    """A set of them would take quadratic time; those people store, such as points at -1 and -2, are taken."""
    items = colliding(3000)
    with pytest.raises(DecodeError, match="same hash"):
        StdSerializer().loads(b"\xdd" + struct.pack(">I", len(items) + 1) + bytes([0xC7, 0, tag]) + b"".join(items))
    with pytest.raises(SerializationError, match="same hash"):
        StdSerializer().dumps({1 + i * (2**61 - 1) for i in range(3000)})
    grid = {(x, y) for x in range(-200, 200) for y in (-1, -2)}
    assert StdSerializer().loads(StdSerializer().dumps(grid)) == grid


class Kept(enum.IntFlag):
    A = 1


def test_numbers_of_flags_leave_no_members_without_bound():
    """An enum keeps each combination for good."""
    std = StdSerializer()
    for number in [1 << 70, *range(2, 12_000)]:
        written = std.dumps(Kept.A).replace(b"\xa1A", b"\xcf" + struct.pack(">Q", number % 2**64) if number < 2**64 else b"\xc0")
        try:
            std.loads(written)
        except DecodeError as refusal:
            assert refusal.reason in ("unknown type", "corrupt")
    assert len(Kept._value2member_map_) <= 10_000


def test_what_could_not_be_read_back_is_not_written():
    """The text names the setting; large bytes are a piece of their own, and come back."""
    std = StdSerializer(max_bytes=MIB)
    with pytest.raises(SerializationError, match="CACHEKIT_MAX_VALUE_SIZE_MB"):
        std.dumps([{} for _ in range(MIB // 2)])
    for value in (b"a" * MIB, b"a" * (MIB - 4)):
        with pytest.raises(SerializationError, match="CACHEKIT_MAX_VALUE_SIZE_MB"):
            std.dumps_buffers(value)
    value = b"a" * (MIB - 5)
    pieces = std.dumps_buffers(value)
    assert pieces[1] is value
    assert std.loads_buffer(memoryview(b"".join(pieces))) == value
    assert std.dumps(value) == b"".join(pieces)
