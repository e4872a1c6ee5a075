"""From a value to stored bytes and back: what may be served now, by this function, and what never."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from cachekit import _frame
from cachekit._codec import Codec, Limits, Stamp
from cachekit.builtin.none import NoCompressor
from cachekit.builtin.std import StdSerializer
from cachekit.builtin.zstd import ZstdCompressor
from cachekit.errors import DecodeError
from cachekit.testing import MemoryBackend
from forms import moved_clock

pytest_plugins = ("ways",)

KEY = "ck:{0}:key"
NOW = 1_700_000_000.0
COMPRESS_FROM = Limits().compress_from
LARGE = StdSerializer().dumps("x" * 100_000)


class Zlib:
    """A compressor that is not installed by name."""

    name = "zlib"

    def compress(self, data):
        return zlib.compress(data)

    def decompress(self, data, size):
        return zlib.decompress(data)


class Another(StdSerializer):
    name = "another"


def codec(serializer=None, compressor=None, integrity=True, **options):
    return Codec(serializer or StdSerializer(), compressor or ZstdCompressor(), integrity=integrity, **options)


def packed(data=LARGE, *, created=NOW, ttl=60.0, **options):
    return codec(**options).pack((data,), KEY, Stamp(created, ttl), (b"token",)).entry


def unpacked(raw, *, now=NOW, ttl=60.0, **options):
    """What is served of *raw*."""
    reader = codec(**options)
    return reader.unpack(reader.open(raw, KEY, Stamp(now, ttl)), KEY, Stamp(now, ttl))


def reason(raw, *, now=NOW, ttl=60.0, **options):
    """Why *raw* is not served."""
    with pytest.raises(DecodeError) as refusal:
        unpacked(raw, now=now, ttl=ttl, **options)
    return refusal.value.reason


def framed(**fields):
    """A frame whose checksum is right, whatever it says."""
    sound = {"created": int(NOW * 1e6), "soft": int(NOW * 1e6) + 1, "hard": int(NOW * 1e6) + 60_000_000, "serializer": "std"}
    payload = fields.pop("payload", b"")
    header = _frame.Header(**(sound | {"compressor": "none", "size": len(payload)} | fields))
    return _frame.pack(header, KEY, (payload,), integrity=True) + payload


@pytest.mark.parametrize("data", [b"", b"a", b"a" * (COMPRESS_FROM - 1), LARGE, bytes(range(256)) * 4, b"\x00" * 10_000_000])
@pytest.mark.parametrize("compressor", [NoCompressor(), ZstdCompressor(), ZstdCompressor(9), Zlib()], ids=lambda c: c.name)
def test_data_comes_back_as_it_was(data, compressor):
    """Empty, small, large, with each compressor, and with what is left of its time."""
    raw = packed(data, compressor=compressor)
    decoded = unpacked(raw, now=NOW + 20, compressor=compressor)
    assert (decoded.data, decoded.remaining) == (data, 40.0)


def test_data_is_compressed_only_where_that_shrinks_it():
    """Small and random data are stored as they are."""
    random = hashlib.shake_256(b"random").digest(10_000)
    for data, compressor in ((b"a" * (COMPRESS_FROM - 1), "none"), (random, "none"), (b"a" * COMPRESS_FROM, "zstd")):
        assert codec().open(packed(data), KEY, Stamp(NOW, 60.0)).header.compressor == compressor
    assert len(packed(LARGE)) < 1000


def test_an_expired_entry_is_refused_to_the_microsecond():
    """It holds until its hard expiry, and not at it."""
    raw = packed()
    assert unpacked(raw, now=NOW + 59.999999).remaining == pytest.approx(1e-6)
    assert reason(raw, now=NOW + 60) == "expired"
    assert reason(raw, now=NOW + 1e9) == "expired"


def test_an_entry_from_the_future_is_refused_beyond_a_second():
    """Hosts' clocks differ by less than a second; more is a clock that lies."""
    raw = packed()
    assert unpacked(raw, now=NOW - 1).remaining == 60.0
    assert reason(raw, now=NOW - 1.001) == "future"
    assert reason(raw, now=0.0) == "future"


def test_an_entry_made_to_outlive_the_functions_ttl_is_refused():
    """A deploy that shortens a ttl is not served what was stored under the longer one."""
    assert reason(packed(ttl=60.001)) == "outlives"
    assert reason(packed(ttl=None)) == "outlives"
    assert unpacked(packed(ttl=30.0)).remaining == 30.0
    assert unpacked(packed(ttl=30.0), ttl=None).remaining == 30.0
    assert unpacked(packed(ttl=None), now=NOW + 1e9, ttl=None).remaining is None


@pytest.mark.parametrize("step", [-0.9, -0.5, 0.0, 0.5, 59.0])
def test_a_clock_that_steps_never_adds_to_what_is_left(step):
    """Backwards within the tolerance leaves the ttl at most; forwards takes from it."""
    left = unpacked(packed(), now=NOW + step).remaining
    assert left is not None
    assert 0 < left <= min(60.0, 60.0 - step)


@pytest.mark.parametrize("integrity", [True, False])
def test_any_times_are_an_entry_with_time_left_or_a_decode_error(integrity):
    """Whatever stamps a frame claims."""
    moments = [0, 1, int(NOW * 1e6), int(NOW * 1e6) + 1, int(NOW * 1e6) + 10**6, 2**63, 2**64 - 2, 2**64 - 1]
    for created in moments:
        for hard in moments:
            for ttl in (60.0, None):
                try:
                    left = unpacked(framed(created=created, hard=hard), ttl=ttl, integrity=integrity).remaining
                except DecodeError as refusal:
                    assert refusal.reason in ("expired", "future", "outlives", "malformed")
                else:
                    assert left is None or (left > 0 and math.isfinite(left))


def test_another_serializers_entry_is_refused():
    """Its bytes might decode to something else."""
    assert reason(packed(), serializer=Another()) == "serializer"
    assert reason(framed(serializer="STD")) == "serializer"


def test_an_installed_compressors_entry_is_read():
    """A function that now stores uncompressed reads what it stored compressed, and the other way."""
    for writer, reader in ((ZstdCompressor(), NoCompressor()), (NoCompressor(), ZstdCompressor()), (ZstdCompressor(), Zlib())):
        assert unpacked(packed(compressor=writer), compressor=reader).data == LARGE


@pytest.mark.parametrize("name", ["zlib", "zst", "os", "../zstd", "zstd\x00", "Z" * 10_000])
def test_an_unknown_compressors_entry_is_refused(name):
    """It is a miss with a reason."""
    assert reason(framed(compressor=name, payload=b"abc", size=3)) == "compressor"


def test_compressed_data_that_is_damaged_is_refused():
    """Where no checksum guards it: cut, changed, of another size, or not compressed at all."""
    whole = zstandard.ZstdCompressor().compress(b"a" * 1000)
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"a" * 1000)
    for payload, size in (
        (b"", 1000),
        (b"garbage", 7),
        (whole[:-1], 1000),
        (whole, 999),
        (whole, 1001),
        (whole + b"x", 1000),
        (whole + whole, 2000),
        (unsized, 1000),
    ):
        assert reason(framed(compressor="zstd", payload=payload, size=size)) in ("corrupt", "wrong size")
    assert reason(framed(payload=b"abc", size=4)) == "wrong size"


def bomb(unfolds, claims):
    """Zstandard data that unfolds to so many zeros, and claims so many, in a few bytes."""
    block = ((131_072 << 3 | 0b010).to_bytes(3, "little")) + b"\x00"
    last = (((unfolds % 131_072) << 3 | 0b011).to_bytes(3, "little")) + b"\x00"
    return b"\x28\xb5\x2f\xfd\xe0" + claims.to_bytes(8, "little") + block * (unfolds // 131_072) + last


def test_the_bombs_below_are_sound_zstandard():
    """What refuses them is the codec, not their form."""
    assert zstandard.ZstdDecompressor().decompress(bomb(300_000, 300_000)) == bytes(300_000)
    assert unpacked(framed(compressor="zstd", payload=bomb(300_000, 300_000), size=300_000)).data == bytes(300_000)


MEASURED = """
import sys
sys.path[:0] = {paths!r}
import test_codec
def resident(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
def reason(unfolds, claims, says):
    payload = test_codec.bomb(unfolds, claims)
    return test_codec.reason(test_codec.framed(compressor="zstd", payload=payload, size=says))
reason(1000, 1000, 1001)
before = resident()
print(reason(*{bomb!r}), round(resident() - before))
"""


@pytest.mark.parametrize(
    "sizes",
    [
        (500_000_000, 500_000_000, 500_000_000),
        (500_000_000, 500_000_000, 1000),
        (500_000_000, 1000, 1000),
        (1000, 2**40, 2**40),
        (1000, 2**63, 2**63),
    ],
    ids=["says so", "frame says less", "claims less", "claims a terabyte", "claims more than there is"],
)
def test_a_bomb_is_a_miss_and_costs_no_memory(sizes):
    """A few bytes in the backend do not make the process allocate what they claim, or what they unfold to."""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    run = subprocess.run([sys.executable, "-c", MEASURED.format(paths=paths, bomb=sizes)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    reason, megabytes = run.stdout.rsplit(maxsplit=1)
    assert reason in ("corrupt", "wrong size", "too large")
    assert int(megabytes) < 100


def test_an_entry_refilled_into_l1_never_outlives_itself(way, monkeypatch):
    """What the backend kept for six of ten seconds is held in memory for four more."""
    clock = moved_clock(monkeypatch)
    backend = MemoryBackend(clock=lambda: 0.0)  # it never expires anything: the frame's own expiry decides
    first, second = (way.cached(lambda value: value, backend=backend, ttl=10) for _ in range(2))
    first(1)
    clock.move(6)
    second(1)
    clock.move(3.99)
    second(1)
    assert (second.info.l2_hits, second.info.l1_hits, second.info.misses) == (1, 1, 0)
    clock.move(0.02)
    second(1)
    assert (second.info.misses, second.info.unread) == (1, {"expired": 1})


def test_a_clock_set_back_costs_a_miss(way, monkeypatch):
    """What was stored under the later time is refused until the clock is there again; nobody is served it for longer."""
    clock = moved_clock(monkeypatch)
    backend = MemoryBackend(clock=lambda: 0.0)
    function = way.cached(lambda value: value, backend=backend, ttl=10, l1_enabled=False)
    function(1)
    clock.move(-3600)
    function(1)
    function(1)
    assert (function.info.misses, function.info.l2_hits, function.info.unread) == (2, 1, {"future": 1})
