"""How much memory MessagePack takes once it is objects, known before any of them is made.

One byte can become a dict of 64 bytes, so the length of the data bounds nothing by itself. The
costs are CPython's, rounded up to what its allocator hands out, with what exists only while a
container grows or is made out of another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable

from . import tags

WORST = 150
"""Bytes of objects that one byte can cost at most: an empty array but for a mark, four bytes, is the densest form."""

_NUMBER, _ARRAY, _TEXT, _BYTES, _LEAF, _MARK = 34, 80, 64, 48, 128, 256
_EXTRA = {tags.SET: 192, tags.FROZENSET: 192, tags.DICT: 96}  # an item, in a table that has just grown
_INSTANCE = 256  # what an extension makes, beside its items
_MOVED = 24  # an item of any other marked array: its slot in the list, and in what is made of it
_PAIR = 72  # in a large map, while it grows
_PART = 64  # a byte of a path, whose parts become texts of their own

_SMALL_MAPS = [64, *[192] * 5, *[288] * 5, *[480] * 5]
_ONE_BYTE = re.compile(rb"[\x00-\x7f\xa0\xc0-\xc3\xe0-\xff]+").match
_NUMBERS = {
    **dict.fromkeys(b"\xcc\xd0", (re.compile(rb"(?s:[\xcc\xd0].)++").match, 2)),
    **dict.fromkeys(b"\xcd\xd1", (re.compile(rb"(?s:[\xcd\xd1]..)++").match, 3)),
    **dict.fromkeys(b"\xca\xce\xd2", (re.compile(rb"(?s:[\xca\xce\xd2].{4})++").match, 5)),
    **dict.fromkeys(b"\xcb\xcf\xd3", (re.compile(rb"(?s:[\xcb\xcf\xd3].{8})++").match, 9)),
}
_LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_MAY_BE_WIDE = re.compile(rb"[\xf0-\xff]").search

_CLASSES = {  # what the bytes that can begin an object cost, at most, beside 8 for each item and byte of text
    64: b"\x80",
    _ARRAY: bytes([*range(0x90, 0xA0), *range(0xC4, 0xC7), 0xDC, 0xDD]),
    _TEXT + _PAIR: bytes([*range(0xA1, 0xC0), 0xD9, 0xDA, 0xDB]),
    _NUMBER: bytes([0xCA, 0xCB, *range(0xCC, 0xD4)]),
    _LEAF: bytes([*range(0xD4, 0xD9)]),
    192: bytes([*range(0x81, 0x86), 0xDE, 0xDF]),
    480: bytes([*range(0x86, 0x90)]),
    _MARK + _INSTANCE: bytes([0xC7, 0xC8, 0xC9]),
}
_CLASS_OF = bytes(next((i for i, members in enumerate(_CLASSES.values(), 1) if byte in members), 0) for byte in range(256))
_COSTLY = [bytes([0xC7, 0, tag]) for tag in (*_EXTRA, tags.PATH)]
_LONG_MARKS = [b"\xc8\x00\x00", b"\xc9\x00\x00\x00\x00"]


def fits(data: bytes, room: int) -> bool:
    """Whether *data* takes at most *room* bytes once it is objects. It may be no MessagePack at all."""
    return len(data) * WORST <= room or _roughly(data, room) <= room or exactly(data, room) <= room


def _roughly(data: bytes, room: int) -> int:
    """A bound at C speed: as if every byte that can begin an object did."""
    total = (32 if b"\xc7\x00" in data else 8) * len(data)
    if total > room or any(map(data.__contains__, (*_COSTLY, *_LONG_MARKS))):
        return room + 1
    classes = data.translate(_CLASS_OF)
    return total + sum(cost * classes.count(i) for i, cost in enumerate(_CLASSES, 1))


def exactly(data: bytes, room: int) -> int:
    """The sum over all objects, or the first that is over *room*.

    No structure is needed: each header says what it holds, and is followed by the next.
    """
    total, at, end, items = 0, 0, len(data), 0
    path_ends = 0
    while at < end and total <= room:
        byte, start = data[at], at
        if (run := _ONE_BYTE(data, at)) is not None:
            at = run.end()
        elif byte in _NUMBERS:
            match, width = _NUMBERS[byte]
            at = run.end() if (run := match(data, at)) else end
            total += (at - start) // width * _NUMBER
        elif byte < 0x90:
            total, at = total + _SMALL_MAPS[byte & 15], at + 1
        elif byte < 0xA0 or byte in (0xDC, 0xDD):
            items, at = _sized(data, at, byte & 15 if byte < 0xA0 else -1)
            total += _ARRAY + 8 * items
            if at < end and data[at] in (0xC7, 0xC8, 0xC9):
                cost, path_ends = _marked(data, at, items, path_ends)
                total += cost
        elif byte in (0xDE, 0xDF):
            pairs, at = _sized(data, at, -1)
            total += 192 + _PAIR * pairs
        else:
            cost, at = _payload(data, at)
            total += cost + (_PART * (at - start) if start < path_ends else 0)
    return total


def _sized(data: bytes, at: int, length: int) -> tuple[int, int]:
    """The length that the header at *at* states, unless it is given, and where the header ends."""
    if length >= 0:
        return length, at + 1
    after = at + 1 + _LENGTHS[data[at]]
    return int.from_bytes(data[at + 1 : after], "big"), after


def _marked(data: bytes, at: int, items: int, path_ends: int) -> tuple[int, int]:
    """What an array costs more for the mark at *at*, and up to where texts are of a path."""
    size, after = _sized(data, at, -1)
    if size or after >= len(data):
        return 0, path_ends
    tag = data[after]
    if tag == tags.PATH:
        # The name of its class, then its text: where the latter begins is where the former ends.
        _, text = _payload(data, after + 1)
        path_ends = max(path_ends, text + 1)
    return _EXTRA.get(tag, _MOVED) * (items - 1) + (_INSTANCE if tag >= tags.TYPED else 0), path_ends


def _payload(data: bytes, at: int) -> tuple[int, int]:
    """What the text, bytes or extension at *at* costs, and where it ends."""
    if at >= len(data):
        return 0, at + 1
    byte = data[at]
    if 0xD4 <= byte <= 0xD8:
        return _LEAF + (6 << byte - 0xD4), at + 2 + (1 << byte - 0xD4)
    known = byte & 31 if 0xA0 <= byte < 0xC0 else -1
    if known < 0 and byte not in _LENGTHS:
        return 0, at + 1
    size, start = _sized(data, at, known)
    if known >= 0 or byte >= 0xD9:
        end = start + size
        if data[start:end].isascii():
            return _TEXT + size, end
        return _TEXT + 16 + size * (5 if _MAY_BE_WIDE(data, start, end) else 2), end
    if byte <= 0xC6:
        return _BYTES + size, start + size
    if not size:
        return _MARK, start + 1
    # A text may widen fourfold; a bytearray is made out of a copy.
    return _LEAF + size * (2 if data[start : start + 1] == bytes([tags.BYTEARRAY]) else 6), start + 1 + size


def collides(items: Collection[Hashable]) -> bool:
    """Whether so many of *items* share a hash that a set of them would take quadratic time.

    What people store shares some: -1 and -2, and so the points on two lines of a grid; the powers
    of two. What is counted is the comparisons, one for each two that share one.
    """
    if len(items) < 100 or len(set(map(hash, items))) == len(items):
        return False
    comparisons = sum(shared * (shared - 1) // 2 for shared in Counter(map(hash, items)).values())
    return comparisons > 1000 + 50 * len(items)
