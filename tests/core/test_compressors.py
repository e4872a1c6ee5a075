"""Each compressor gives back exactly the bytes it got, and hostile bytes are a `DecodeError` that costs no memory."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import threading

import lz4.frame
import pytest
import zstandard

from cachekit import cache
from cachekit.compressors import GzipCompressor, Lz4Compressor, NoCompressor, ZstdCompressor
from cachekit.errors import ConfigurationError, DecodeError
from cachekit.testing import MemoryBackend

LEVELLED = [ZstdCompressor, Lz4Compressor, GzipCompressor]
ALL = [*LEVELLED, NoCompressor]
by_name = {"ids": lambda cls: cls.name}

SIZES = [0, 1, 255, 256, 64 << 10, 1 << 20]
SMALL = b"the quick brown fox " * 8 + b"jumps over"


def random_bytes(size):
    return hashlib.shake_256(b"random").digest(size)


def text(size):
    words = b"".join(b"%d bottles of %x; " % (n * n % 977, n % 89) for n in range(size // 10 + 1))
    return words[:size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("content", [random_bytes, text, bytes])
@pytest.mark.parametrize("cls", ALL, **by_name)
def test_data_comes_back_as_it_was(cls, content, size):
    """Empty, small, around the threshold, of many pieces; whether it shrinks or not."""
    data = content(size)
    compressor = cls()
    assert compressor.decompress(compressor.compress(data), size) == data


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("cls", LEVELLED, **by_name)
def test_every_level_writes_what_every_level_reads(cls, level):
    """Levels are the writer's choice only, and 9 is smaller than 1."""
    data = text(300_000)
    written = cls(level).compress(data)
    assert cls(10 - level).decompress(written, len(data)) == data
    assert len(cls(9).compress(data)) < len(cls(1).compress(data))


@pytest.mark.parametrize("level", [0, 10, -1, 6.0, True, "6", None])
@pytest.mark.parametrize("cls", LEVELLED, **by_name)
def test_a_level_out_of_range_is_a_configuration_error(cls, level):
    """The text names the argument, what it got, and what it takes."""
    with pytest.raises(ConfigurationError, match=r"level=.*1, the fastest, to 9, the smallest"):
        cls(level)


def test_other_programs_read_and_write_the_same_formats():
    """gzip, LZ4 frames and Zstandard are what these names mean elsewhere."""
    data = text(100_000)
    assert gzip.decompress(GzipCompressor().compress(data)) == data
    assert GzipCompressor().decompress(gzip.compress(data), len(data)) == data
    assert lz4.frame.decompress(Lz4Compressor().compress(data)) == data
    assert Lz4Compressor().decompress(lz4.frame.compress(data, store_size=False, block_linked=False), len(data)) == data
    assert zstandard.ZstdDecompressor().decompress(ZstdCompressor().compress(data)) == data
    assert ZstdCompressor().decompress(zstandard.ZstdCompressor(level=9).compress(data), len(data)) == data


@pytest.mark.parametrize("cls", LEVELLED, **by_name)
def test_the_same_data_is_the_same_bytes(cls):
    """No time of day is written."""
    assert cls().compress(SMALL) == cls().compress(SMALL)


@pytest.mark.parametrize("cls", ALL, **by_name)
def test_another_size_than_the_datas_is_refused(cls):
    """One byte less, one more, none, and more than there is."""
    for data in (SMALL, text(600_000)):
        compressed = cls().compress(data)
        for size in (len(data) - 1, len(data) + 1, 0, 1 << 20, 1 << 40, 1 << 62):
            with pytest.raises(DecodeError) as refusal:
                cls().decompress(compressed, size)
            assert refusal.value.reason in ("wrong size", "corrupt")


@pytest.mark.parametrize("cls", ALL, **by_name)
def test_what_is_cut_short_or_continued_is_refused(cls):
    """Every truncation, trailing bytes, a second frame, and garbage."""
    compressed = cls().compress(SMALL)
    hostile = [compressed[:end] for end in range(len(compressed))]
    hostile += [compressed + b"x", compressed + b"\0" * 100, compressed * 2, b"x" + compressed, b"garbage" * 100]
    for data in hostile:
        for size in (len(SMALL), 2 * len(SMALL)):
            if cls is NoCompressor and len(data) == size:
                continue
            with pytest.raises(DecodeError):
                cls().decompress(data, size)


@pytest.mark.parametrize("cls", LEVELLED, **by_name)
def test_a_flipped_bit_is_noticed_or_gives_bytes_of_that_size(cls):
    """gzip and LZ4 check what they unfold; Zstandard leaves that to the frame around it."""
    compressed = cls().compress(SMALL)
    for bit in range(8 * len(compressed)):
        flipped = bytearray(compressed)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            data = cls().decompress(bytes(flipped), len(SMALL))
        except DecodeError:
            continue
        assert len(data) == len(SMALL)
        assert data == SMALL or cls is ZstdCompressor


def zstd_frames():
    """Zstandard that the library could be led astray by, each claiming what `SMALL` has."""
    sized = zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(random_bytes(2000))).compress(SMALL)
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(SMALL)
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
    wide = bytearray(b"\x28\xb5\x2f\xfd\x80\xff" + len(SMALL).to_bytes(4, "little")) + b"\x01\x00\x00"
    return {"a dictionary": sized[:-1], "no size": unsized, "skippable": skippable, "a window of 3.75 TB": bytes(wide)}


@pytest.mark.parametrize("form", zstd_frames())
def test_zstandard_of_other_forms_is_refused(form):
    """What needs a dictionary, a window beyond the limit or has no size is not read."""
    with pytest.raises(DecodeError):
        ZstdCompressor().decompress(zstd_frames()[form], len(SMALL))


BOMB = """
from cachekit.compressors import {cls}
from cachekit.errors import DecodeError
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) >> 10
{bomb}
compressor = {cls}()
compressor.decompress(compressor.compress(b"warm" * 1000), 4000)
before = peak()
for size in {sizes}:
    try:
        assert len(compressor.decompress(bomb, size)) == size
    except DecodeError:
        pass
print(len(bomb), peak() - before)
"""

# 500 MB of zeros in about 2 MB, made in steps of a few MB so that making them leaves no peak behind.
BOMBS = {
    "GzipCompressor": "import zlib\nc = zlib.compressobj(6, wbits=31)\n"
    "bomb = b''.join([c.compress(bytes(10**6)) for _ in range(500)]) + c.flush()",
    "Lz4Compressor": "import lz4.frame\nc = lz4.frame.LZ4FrameCompressor()\n"
    "bomb = c.begin() + b''.join([c.compress(bytes(10**6)) for _ in range(500)]) + c.flush()",
    "ZstdCompressor": "import zstandard\nc = zstandard.ZstdCompressor().compressobj(size=500 * 10**6)\n"
    "bomb = b''.join([c.compress(bytes(10**6)) for _ in range(500)]) + c.flush()",
}


@pytest.mark.parametrize("sizes", [[10**6, 0, 1], [500 * 10**6]], ids=["claims less", "says so"])
@pytest.mark.parametrize("cls", BOMBS)
def test_a_bomb_allocates_no_more_than_its_frame_says(cls, sizes):
    """Half a gigabyte in a few bytes: not beyond the size that was asked for, and that once, not twice."""
    program = BOMB.format(cls=cls, bomb=BOMBS[cls], sizes=sizes)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    bomb, megabytes = map(int, run.stdout.split())
    assert bomb < 3 * 10**6
    assert megabytes <= max(sizes) / 2**20 + 24


@pytest.mark.parametrize("cls", ALL, **by_name)
def test_one_instance_serves_threads_and_forks(cls):
    """Eight threads at once, and a child made in the middle of it."""
    compressor, wrong = cls(), []
    inputs = [text(100_000 + n) for n in range(8)]
    go = threading.Barrier(9)

    def work(data):
        go.wait()
        for _ in range(20):
            if compressor.decompress(compressor.compress(data), len(data)) != data:
                wrong.append(len(data))

    threads = [threading.Thread(target=work, args=(data,)) for data in inputs]
    for thread in threads:
        thread.start()
    go.wait()
    child = os.fork()
    if child == 0:
        data = inputs[0]
        os._exit(compressor.decompress(compressor.compress(data), len(data)) != data)
    for thread in threads:
        thread.join()
    assert (wrong, os.waitpid(child, 0)[1]) == ([], 0)


@pytest.mark.parametrize("name", ["zstd", "lz4", "gzip", "none"])
def test_a_compressor_goes_by_its_name(name):
    """A function that names it stores with it, and is served from there."""
    backend = MemoryBackend()

    @cache(ttl=60, backend=backend, compressor=name, l1_enabled=False)
    def repeated(n: int) -> str:
        return "abc" * n

    assert repeated(1000) == repeated(1000) == "abc" * 1000
    assert repeated.cache_info().l2_hits == 1
    assert name.encode() in backend.get(repeated.key(1000))
