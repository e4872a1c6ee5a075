"""Compressors with one fault, each with the tests that must notice it."""

from __future__ import annotations

import threading
import time
import zlib
from typing import ClassVar

import pytest

from cachekit.errors import DecodeError
from cachekit.testing import CompressorSuite

DAMAGED = "test_damaged_bytes_give_the_size_or_a_decode_error"
FOREIGN = "test_foreign_bytes_give_the_size_or_a_decode_error"


class Zlib:
    """zlib, strictly: for one fault to be put in."""

    name = "trial"

    def compress(self, data):
        return zlib.compress(data, 1)

    def decompress(self, data, size):
        opened = zlib.decompressobj()
        try:
            restored = opened.decompress(data, size + 1)  # 0 would be without a limit
        except (zlib.error, OverflowError):
            raise DecodeError("corrupt") from None
        if len(restored) != size or not opened.eof or opened.unused_data:
            raise DecodeError("wrong size")
        return restored


class Trial(CompressorSuite):
    """A suite over `make()`."""

    make = Zlib
    noticed_by: tuple[str, ...] = ()

    @pytest.fixture
    def compressor(self):
        return type(self).make()


class BrokenName(Trial):
    noticed_by = ("test_the_name_can_stand_in_a_frame",)

    class make(Zlib):
        def __init__(self):
            self.name = f"trial-{id(self)}"


class BrokenEnd(Trial):
    noticed_by = ("test_data_is_restored",)

    class make(Zlib):
        def decompress(self, data, size):
            return super().decompress(data, size).rstrip(b"\x00").ljust(min(size, 256), b"\x00")


class BrokenType(Trial):
    noticed_by = ("test_both_ways_return_bytes", DAMAGED)

    class make(Zlib):
        def decompress(self, data, size):
            return bytearray(super().decompress(data, size))


class BrokenTwice(Trial):
    noticed_by = ("test_what_was_compressed_is_compressed_again",)

    class make(Zlib):
        def compress(self, data):
            return data if data[:2] == b"x\x01" else super().compress(data)


class BrokenSize(Trial):
    noticed_by = ("test_a_wrong_size_is_refused", "test_a_huge_size_is_refused")

    class make(Zlib):
        def decompress(self, data, size):
            try:
                return zlib.decompress(data)
            except zlib.error:
                raise DecodeError("corrupt") from None


class BrokenCut(Trial):
    noticed_by = ("test_a_wrong_size_is_refused",)

    class make(Zlib):
        def decompress(self, data, size):
            try:
                return zlib.decompress(data)[:size].ljust(min(size, 2_000_000))
            except zlib.error:
                raise DecodeError("corrupt") from None


class BrokenHugeSize(Trial):
    noticed_by = ("test_a_huge_size_is_refused",)

    class make(Zlib):
        def decompress(self, data, size):
            room = bytearray(size)
            room[:] = super().decompress(data, size)
            return bytes(room)


class BrokenBomb(Trial):
    noticed_by = ("test_a_bomb_is_refused_in_little_memory",)

    class make(Zlib):
        def decompress(self, data, size):
            try:
                restored = zlib.decompress(data)
            except zlib.error:
                raise DecodeError("corrupt") from None
            if len(restored) != size:
                raise DecodeError("wrong size")
            return restored


class BrokenBombOfNothing(Trial):
    noticed_by = ("test_a_bomb_is_refused_in_little_memory",)

    class make(Zlib):
        def decompress(self, data, size):
            try:
                restored = zlib.decompressobj().decompress(data, size)
            except (zlib.error, OverflowError):
                raise DecodeError("corrupt") from None
            if len(restored) != size:
                raise DecodeError("wrong size")
            return restored


class BrokenByZlibError(Trial):
    noticed_by = (DAMAGED, FOREIGN)

    class make(Zlib):
        def decompress(self, data, size):
            restored = zlib.decompress(data)
            if len(restored) != size:
                raise DecodeError("wrong size")
            return restored


class BrokenHang(Trial):
    noticed_by = (FOREIGN,)
    patience = 0.2

    class make(Zlib):
        def decompress(self, data, size):
            if data == b"":
                threading.Event().wait()
            return super().decompress(data, size)


class BrokenTail(Trial):
    noticed_by = ("test_what_is_cut_or_lengthened_is_never_another_value",)

    class make(Zlib):
        """Fills up what is missing, as a preallocated buffer would."""

        def decompress(self, data, size):
            try:
                restored = zlib.decompressobj().decompress(data, size + 1)
            except (zlib.error, OverflowError):
                raise DecodeError("corrupt") from None
            if len(restored) > size or size > 2_000_000:
                raise DecodeError("wrong size")
            return restored.ljust(size, b"\x00")


class BrokenThreads(Trial):
    noticed_by = ("test_callers_at_once_get_their_own_data",)

    class make(Zlib):
        def compress(self, data):
            self.buffer = super().compress(data)
            time.sleep(0)  # where another thread comes in
            return self.buffer


class BrokenInstances(Trial):
    noticed_by = ("test_two_instances_read_each_others_bytes",)

    class make(Zlib):
        def __init__(self):
            self.seen = set()

        def compress(self, data):
            packed = super().compress(data)
            self.seen.add(packed)
            return packed

        def decompress(self, data, size):
            if data not in self.seen:
                raise DecodeError("foreign")
            return super().decompress(data, size)


class BrokenProcesses(Trial):
    noticed_by = ("test_two_processes_read_each_others_bytes",)

    class make(Zlib):
        table: ClassVar[dict[bytes, bytes]] = {}

        def compress(self, data):
            key = b"%d" % len(self.table)
            self.table[key] = super().compress(data)
            return key

        def decompress(self, data, size):
            if data not in self.table:
                raise DecodeError("foreign")
            return super().decompress(self.table[data], size)
