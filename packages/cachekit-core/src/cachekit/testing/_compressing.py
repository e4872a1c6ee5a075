"""What every compressor does: restores exactly, or refuses, in bounded memory, whoever else uses it."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import itertools
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachekit.errors import DecodeError

from ._codecs import CodecCases, Trial, begin_peak, limit_memory, misread, peak, read_all, second, write_all
from ._hostile import damaged, foreign, noise

ROUNDS = 20
BOMB = 128 << 20
ROOM = 48 << 20
"""Bytes of memory within which a claim of a few kilobytes is refused: a context's own, and no bomb's."""

_TEXT = json.dumps([{"id": n, "name": f"name {n % 17}", "price": n / 7} for n in range(3000)]).encode()

SAMPLES: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"a",
    "two bytes": b"\x00\xff",
    "every byte": bytes(range(256)),
    "255 of noise": noise(255),
    "256 zeros": b"\x00" * 256,
    "257 of text": _TEXT[:257],
    "4 KiB of noise": noise(4096),
    "64 KiB less one": (_TEXT * 2)[:65_535],
    "64 KiB": noise(65_536),
    "64 KiB and one": b"ab" * 32_768 + b"c",
    "JSON": _TEXT,
    "a megabyte of zeros": b"\x00" * 1_000_001,
    "a megabyte of noise": noise(1_000_003),
    "both": noise(300_000) + b"\x00" * 300_000 + _TEXT,
}
SMALL = ("nothing", "one byte", "every byte", "256 zeros", "257 of text", "4 KiB of noise", "JSON")
"""Those that are damaged, at every offset or at some 130."""


class CompressorCases(CodecCases):
    """The base of the parts of `CompressorSuite`."""

    @pytest.fixture
    def compressor(self) -> Any:
        """The compressor under test; the suite's user provides it."""
        pytest.fail(f"{type(self).__name__} has no `compressor` fixture: define one that returns the compressor under test")

    @pytest.fixture
    def another(self, compressor: Any) -> Any:
        """A second instance, as another process has; override it for a type that takes arguments."""
        return second(compressor)

    @pytest.fixture
    def pairs(self, compressor: Any) -> dict[str, tuple[bytes, bytes]]:
        """Each sample, and what it is compressed to."""
        return {name: (data, compressor.compress(data)) for name, data in SAMPLES.items()}


class RestoringCases(CompressorCases):
    """Out and back again."""

    def test_the_name_can_stand_in_a_frame(self, compressor: Any, another: Any) -> None:
        """A frame carries the name: lower-case letters, digits, `_` and `-`, up to 64, the same each time."""
        self.check_name(compressor, another)

    @pytest.mark.parametrize("sample", SAMPLES)
    def test_data_is_restored(self, compressor: Any, sample: str) -> None:
        """Any bytes of any size come back, as often as they are read."""
        data = SAMPLES[sample]
        packed = compressor.compress(data)
        for _ in range(2):
            same = compressor.decompress(packed, len(data)) == data
            assert same, f"{len(data)} bytes came back different"

    @pytest.mark.parametrize("sample", SMALL)
    def test_both_ways_return_bytes(self, compressor: Any, sample: str) -> None:
        """Not a bytearray or a memoryview, which somebody could change."""
        data = SAMPLES[sample]
        packed = compressor.compress(data)
        assert type(packed) is bytes
        assert type(compressor.decompress(packed, len(data))) is bytes

    def test_what_was_compressed_is_compressed_again(self, compressor: Any) -> None:
        """Its own output is data like any other."""
        layers = [_TEXT]
        for _ in range(3):
            layers.append(compressor.compress(layers[-1]))
        for inner, outer in itertools.pairwise(layers):
            same = compressor.decompress(outer, len(inner)) == inner
            assert same


class SizeCases(CompressorCases):
    """The size is the frame's, and binding."""

    def test_a_wrong_size_is_refused(self, compressor: Any, pairs: dict[str, tuple[bytes, bytes]]) -> None:
        """One byte more or less, none, double: a DecodeError, not what there is."""
        for name, (data, packed) in pairs.items():
            for size in {0, 1, len(data) - 1, len(data) + 1, 2 * len(data), len(packed)} - {-1, len(data)}:
                assert refused(compressor, packed, size), f"{name}: {len(data)} bytes were restored as {size}"

    def test_a_huge_size_is_refused(self, compressor: Any, pairs: dict[str, tuple[bytes, bytes]]) -> None:
        """A small entry that claims 256 MiB, 8 GiB or all that 64 bits can say is a DecodeError, whatever there is of memory."""

        def work() -> None:
            limit_memory(2 << 30)
            for size in (1 << 28, 1 << 33, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
                for name in ("nothing", "256 zeros", "JSON"):
                    problem = misread(lambda packed=pairs[name][1], size=size: compressor.decompress(packed, size))  # type: ignore[misc]
                    assert not problem, f"{name}, as {size} bytes: {problem}"
                    assert refused(compressor, pairs[name][1], size), f"{name} was restored as {size} bytes"

        self.in_child(work)

    def test_a_bomb_is_refused_in_little_memory(self, compressor: Any) -> None:
        """What unfolds to 128 MiB and claims 4 KiB, a byte or none is refused before it has unfolded."""
        bomb = compressor.compress(bytes(BOMB))

        def work() -> None:
            before = begin_peak()
            for size in (0, 1, 4096):
                assert refused(compressor, bomb, size), f"a bomb was restored as {size} bytes"
            taken = peak() - before
            assert taken < ROOM, f"refusing a bomb that claims {size} bytes took {taken >> 20} MiB"

        self.in_child(work)


class DamageCases(CompressorCases):
    """Every byte is hostile."""

    def test_damaged_bytes_give_the_size_or_a_decode_error(self, compressor: Any, pairs: dict[str, tuple[bytes, bytes]]) -> None:
        """Cut, changed in one bit or byte, or with more at the end: as many bytes as claimed, or refused."""
        self.try_all(
            trial(compressor, f"{sample}, {name}", bad, len(data))
            for sample, (data, packed) in pairs.items()
            if sample in SMALL
            for name, bad in damaged(packed)
        )

    def test_what_is_cut_or_lengthened_is_never_another_value(self, compressor: Any, pairs: dict[str, tuple[bytes, bytes]]) -> None:
        """Without its end, or with another's behind it, it is restored as it was or refused."""
        for sample, (data, packed) in pairs.items():
            for bad in (packed[:-1], packed[: len(packed) // 2], packed + b"\x00", packed + packed, packed + pairs["JSON"][1]):
                try:
                    restored = compressor.decompress(bad, len(data))
                except DecodeError:
                    continue
                same = restored == data
                assert same, f"{sample}: {len(bad)} of {len(packed)} bytes were restored as another value"

    def test_foreign_bytes_give_the_size_or_a_decode_error(self, compressor: Any) -> None:
        """What other programs write, and noise."""

        def all_of_them() -> Iterator[Trial]:
            for name, data in foreign():
                for size in (0, 1, 1000, len(data)):
                    yield trial(compressor, f"{name}, as {size} bytes", data, size)

        self.try_all(all_of_them())


class SharedCompressorCases(CompressorCases):
    """Threads, instances, processes."""

    def test_callers_at_once_get_their_own_data(self, compressor: Any) -> None:
        """One instance serves every thread of a process: none gets another's bytes, or torn ones."""
        samples = list(SAMPLES.items())

        def work(number: int) -> str:
            for turn in range(ROUNDS):
                name, data = samples[(number * 7 + turn) % len(samples)]
                if compressor.decompress(compressor.compress(data), len(data)) != data:
                    return f"{name} came back changed while other threads used the compressor"
            return ""

        self.at_once(work)

    def test_two_instances_read_each_others_bytes(self, compressor: Any, another: Any) -> None:
        """Nothing that restoring needs stays in the instance that compressed."""
        for name, data in SAMPLES.items():
            for writer, reader in ((compressor, another), (another, compressor)):
                same = reader.decompress(writer.compress(data), len(data)) == data
                assert same, name

    def test_two_processes_read_each_others_bytes(self, compressor: Any, tmp_path: Path) -> None:
        """Nothing that restoring needs stays in the process that compressed; and a fork leaves the compressor usable."""
        samples = {**SAMPLES, "what no table has yet": uuid.uuid4().bytes * 100}
        theirs, ours = tmp_path / "theirs", tmp_path / "ours"

        def check(file: os.PathLike[str]) -> None:
            for (name, data), packed in zip(samples.items(), read_all(file), strict=True):
                same = compressor.decompress(packed, len(data)) == data
                assert same, name

        # The child writes first, and in another order, so that no table of ours has what it wrote.
        self.in_child(lambda: write_all(theirs, [compressor.compress(data) for data in reversed(samples.values())][::-1]))
        check(theirs)
        write_all(ours, [compressor.compress(data) for data in samples.values()])
        self.in_child(lambda: check(ours))


def refused(compressor: Any, data: bytes, size: int) -> bool:
    """Whether *data* is no *size* bytes, by a DecodeError."""
    try:
        compressor.decompress(data, size)
    except DecodeError:
        return True
    return False


def trial(compressor: Any, name: str, data: bytes, size: int) -> Trial:
    """Hostile *data* that claims *size*."""

    def run() -> str:
        restored: list[Any] = []
        problem = misread(lambda: restored.append(compressor.decompress(data, size)))
        for made in restored:
            if type(made) is not bytes or len(made) != size:
                return f"gave a {type(made).__name__} of {len(made)}, not {size} bytes"
        return problem

    return name, run
