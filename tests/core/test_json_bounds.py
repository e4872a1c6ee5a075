"""Hostile JSON and MessagePack cost `orjson` and `msgspec` neither memory nor time beyond their limit, and never the process."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
import threading
import uuid
from typing import Any

import pytest

from cachekit.errors import DecodeError, SerializationError
from cachekit.serializers import MsgspecSerializer, OrjsonSerializer

RUN = """
import sys
from cachekit.errors import DecodeError
from cachekit.serializers import MsgspecSerializer, OrjsonSerializer
import dataclasses, decimal, msgspec
from typing import Any

class Defaults(msgspec.Struct):
    a: list = []
    b: dict = {{}}
    c: set[int] = set()

@dataclasses.dataclass
class Made:
    a: list = dataclasses.field(default_factory=list)
    b: dict = dataclasses.field(default_factory=dict)

def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) << 10
LIMIT = 8 << 20
serializer = {serializer}
serializer.loads({begin!r} + {end!r}) if {end!r} else None

def filled(size):
    unit = {unit!r}
    count = size // len(unit)
    begin = b"\\xdd" + count.to_bytes(4, "big") if not {end!r} else {begin!r}
    return (begin + unit * count).rstrip(b",") + {end!r}

before, read = peak(), 0
for size in (int(LIMIT / 1.5**n) - 10 for n in range(18)):
    data = filled(size)
    started = peak()
    try:
        value = serializer.loads(data)
    except DecodeError as error:
        assert error.reason == "too large", error
    else:
        read = size
        break
print(read, round((peak() - started) / LIMIT, 2))
"""

JSON_UNITS = [
    b"[],",
    b"{},",
    b'"",',
    b'"abcdefgh",',
    '"é",'.encode(),
    '"漢",'.encode(),
    b'"aaaaaaaaaaaaaaa\\ud83d\\ude00",',
    b"1,",
    b"300,",
    b"1.5,",
]
JSON_UNITS += [
    b'{"":0},',
    b'{"a":[]},',
    b"[[]],",
    b"[{}],",
    b'{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6},',
    b"12345678901,",
    b'"' + b"a" * 1000 + "😀".encode() + b'",',
]
MSGPACK_UNITS = [
    b"\x90",
    b"\x80",
    b"\xa1a",
    b"\xa2\xc3\xa9",
    b"\xcd\x01\x2d",
    b"\xca\0\0\0\1",
    b"\x81\xa0\x90",
    b"\x81\xa0\x00",
    b"\xc4\x00",
    b"\xd4\x05\x00",
]
MSGPACK_UNITS += [b"\xd6\xff\0\0\0\1", b"\x91\x90", b"\xd9\xff" + b"a" * 251 + "😀".encode()]
TYPED_UNITS = [
    ("set[int]", b"\x90"),
    ("set[int]", b"\x91\x01"),
    ("set[int]", b"\x95\1\2\3\4\5"),
    ("Defaults", b"\x80"),
    ("Made", b"\x80"),
    ("bytearray", b"\xc4\0"),
]
TYPED_UNITS += [("decimal.Decimal", b"\x01"), ("dict[int, list[int]]", b"\x81\x00\x90"), ("frozenset[int]", b"\x90"), ("tuple", b"\x90")]
TYPED_UNITS += [("dict[int, int]", b"\x86" + bytes(range(12)))]

CASES = [("OrjsonSerializer(max_bytes=LIMIT)", b"[", unit, b"]") for unit in JSON_UNITS]
CASES += [("MsgspecSerializer(max_bytes=LIMIT)", b"", unit, b"") for unit in MSGPACK_UNITS]
CASES += [(f"MsgspecSerializer(max_bytes=LIMIT).for_annotation(list[{name}])", b"", unit, b"") for name, unit in TYPED_UNITS]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_reading_takes_at_most_twice_the_limit(case):
    """The largest dense data that is still read; what would take more is refused before it takes it."""
    serializer, begin, unit, end = case
    program = RUN.format(serializer=serializer, begin=begin, unit=unit, end=end)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    read, times = run.stdout.split()
    assert int(read) > 0
    assert float(times) <= 2


SMALL = 1 << 20
BOTH = pytest.mark.parametrize("cls", [OrjsonSerializer, MsgspecSerializer], ids=lambda cls: cls.name)


@BOTH
@pytest.mark.parametrize(
    "value", [["" for _ in range(400_000)], "x" * (SMALL + 1), [{} for _ in range(200_000)]], ids=["dense", "long", "maps"]
)
def test_what_could_not_be_read_is_not_written(cls, value):
    """The same bound when a value is written, with what to do in the text."""
    with pytest.raises(SerializationError, match="CACHEKIT_MAX_VALUE_SIZE_MB"):
        cls(max_bytes=SMALL).dumps(value)
    larger = cls(max_bytes=128 * SMALL)
    assert larger.loads(larger.dumps(value)) == value


@BOTH
def test_more_bytes_than_the_limit_are_refused(cls):
    """Before they are looked at."""
    for data in (b"[" * (SMALL + 1), b" " * (SMALL + 1), b"\x90" * (SMALL + 1)):
        with pytest.raises(DecodeError) as refusal:
            cls(max_bytes=SMALL).loads(data)
        assert refusal.value.reason == "too large"


HOSTILE = [
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000,
    b"\x91" * 100_000,
    b"\x81\xa1a" * 100_000,
    b"\x81" * 100_000,
]
HOSTILE += [
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\x10\0\0\0" * 5000,
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
]
HOSTILE += [b"", b"\xc1", b"garbage", b"\xff\xfe", b"1 2", b"[1,]", b"nan", b'"\\ud800"', b"\x01\x01", b"\xa1\xff", b"9" * 100_000 + b"x"]


@BOTH
@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:12]))
def test_hostile_bytes_are_a_decode_error(cls, data):
    """Nested without measure, of impossible lengths, cut short, continued, or something else."""
    serializer = cls()
    readers = [serializer.loads]
    if cls is MsgspecSerializer:
        readers += [serializer.loads_plain, serializer.for_annotation(dict[str, list[Any]] | list[Any]).loads]
    for read in readers:
        with pytest.raises(DecodeError) as refusal:
            read(data)
        assert refusal.value.reason in ("corrupt", "too large")


@BOTH
def test_damaged_bytes_are_a_value_or_a_decode_error(cls):
    """Every flipped bit and every truncation of a sound value."""
    sound = cls().dumps({"a": [1, -2.5, None, True, "é", 2**63], "b": {"c": ["x" * 40]}})
    damaged = [sound[:end] for end in range(len(sound))]
    damaged += [bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(sound)) for bit in range(8 * len(sound))]
    errors = 0
    for data in damaged:
        try:
            cls().loads(data)
        except DecodeError:
            errors += 1
    assert errors > len(sound)


UUIDS = [b"\xd9\x24" + str(uuid.UUID(int=n * (2**61 - 1))).encode() for n in range(20_000)]


def colliding(count):
    """MessagePack arrays that are tuples of one hash, though not one equals another."""
    tuples = itertools.islice(itertools.product((-1, -2), repeat=15), count)
    return [b"\x9f" + bytes(256 + item for item in items) for items in tuples]


@pytest.mark.parametrize(
    ("annotation", "data"),
    [
        (None, b"\xdf" + struct.pack(">I", 20_000) + b"".join(key + b"\x00" for key in colliding(20_000))),
        (Any, b"\xdf" + struct.pack(">I", 20_000) + b"".join(key + b"\x00" for key in colliding(20_000))),
        (dict[str, Any], b"\x81\xa1a\xdf" + struct.pack(">I", 20_000) + b"".join(key + b"\x00" for key in colliding(20_000))),
        (dict[tuple[int, ...], int], b"\xdf" + struct.pack(">I", 20_000) + b"".join(key + b"\x00" for key in colliding(20_000))),
        (set[tuple[int, ...]], b"\xdd" + struct.pack(">I", 20_000) + b"".join(colliding(20_000))),
        (set, b"\xdd" + struct.pack(">I", 20_000) + b"".join(colliding(20_000))),
        (set[uuid.UUID], b"\xdd" + struct.pack(">I", 20_000) + b"".join(UUIDS)),
    ],
    ids=["plain", "Any", "Any inside", "keys", "items", "items of Any", "UUIDs"],
)  # fmt: skip
def test_keys_that_share_a_hash_are_refused_in_number(annotation, data):
    """Reading them would take quadratic time: hours, within the limit of size."""
    serializer = MsgspecSerializer()
    for reader in (serializer,) if annotation is None else (serializer.for_annotation(annotation),):
        with pytest.raises(DecodeError) as refusal:
            reader.loads(data)
        assert refusal.value.reason == "too large"


@BOTH
def test_one_instance_serves_threads(cls):
    """Eight at once, each with values of its own."""
    serializer, wrong = cls(), []

    def work(n):
        value = {"n": n, "items": [{"i": i, "text": str(i) * n} for i in range(100)]}
        for _ in range(30):
            if serializer.loads(serializer.dumps(value)) != value:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
