"""How much the store may hold, how much an entry counts, and which entries go when it is full.

What is limited is the disk, so an entry counts as the pages it takes, not as its bytes. The room
of the write-ahead log is set aside first: it must take one largest value whole.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from operator import itemgetter

PAGE = 4096
INLINE = 1024
"""The largest value, in bytes, that lies in the entry's own row; others have a row of their own."""

WINDOW = 64
"""Entries looked at in one step of the hand."""

_KIB, _MIB = 2**10, 2**20
_ROW = 64  # the other columns, the record's header and the cell's pointer, about
_LARGEST_CELL = PAGE - 35  # SQLite's file format: a longer payload continues on overflow pages
_SMALLEST_CELL = (PAGE - 12) * 32 // 255 - 23
_OVERFLOW = PAGE - 4
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one store.

    Parameters:
        entries: the number of entries.
        file_bytes: what the database file may grow to.
        log_bytes: what the write-ahead log may grow to; both together are the user's limit.
    """

    entries: int
    file_bytes: int
    log_bytes: int

    @classmethod
    def of(cls, size: int, value: int, entries: int) -> Limits:
        """Divide *size* bytes so that a value of *value* bytes fits both the log and the file."""
        log = max(value * 101 // 100 + 128 * _KIB, min(8 * _MIB, size // 16))
        smallest = value * 102 // 100 + 96 * _KIB
        return cls(entries, max(size - log - 64 * _KIB, smallest), log)

    @property
    def bytes(self) -> int:
        """The sum of footprints: the file without its inner pages."""
        return self.file_bytes * 99 // 100 - 32 * _KIB

    @property
    def checkpoint_bytes(self) -> int:
        """The length from which SQLite moves the log into the file after a commit."""
        return min(4 * _MIB, self.log_bytes // 2)


@dataclass(slots=True)
class Totals:
    """The counters kept beside the entries, and the hand that walks over them."""

    entries: int
    bytes: int
    hand: int

    @classmethod
    def read(cls, database: sqlite3.Connection) -> Totals:
        return cls(*database.execute("SELECT entries, bytes, hand FROM totals").fetchone())

    def write(self, database: sqlite3.Connection) -> None:
        database.execute("UPDATE totals SET entries = ?, bytes = ?, hand = ?", (self.entries, self.bytes, self.hand))


def footprint(key: int, value: int) -> int:
    """The bytes of disk that a key and a value of these lengths take."""
    if value <= INLINE:
        return _cells(_ROW + key + value)
    return _cells(_ROW + key) + _cells(16 + value)


def _cells(payload: int) -> int:
    overflow = 0
    if payload > _LARGEST_CELL:
        local = _SMALLEST_CELL + (payload - _SMALLEST_CELL) % _OVERFLOW
        local = local if local <= _LARGEST_CELL else _SMALLEST_CELL
        overflow, payload = (payload - local + _OVERFLOW - 1) // _OVERFLOW, local
    fit = max(1, (PAGE - 8) // payload)
    # Rows come in no order, so a page of several rows is three quarters full or less.
    return overflow * PAGE + (PAGE if fit == 1 else PAGE * 4 // (fit * 3))


def make_room(database: sqlite3.Connection, totals: Totals, limits: Limits, size: int, *, now: int, keep: int = 0) -> bool:
    """Evict until *size* bytes and one entry more fit, and a batch beyond, so that the next calls need not.

    The entries are walked in the order of their ids, which are hashes: as good as random. From each
    window the expired go first, then the ones not seen since the hand last passed, the oldest first.

    Parameters:
        size: the bytes to come.
        now: wall-clock microseconds.
        keep: the id that is about to be written, never evicted.

    Returns:
        Whether there is room now. The work is bounded in proportion to *size*.
    """
    if totals.bytes + size <= limits.bytes and totals.entries < limits.entries:
        return True
    most_bytes = limits.bytes - size - min(limits.bytes // 64, 32 * size)
    most_entries = limits.entries - 1 - min(limits.entries // 64, 32)
    for _ in range(4 + size // (PAGE * 2)):
        sweep(database, totals, totals.bytes - most_bytes, totals.entries - most_entries, now=now, keep=keep)
        if totals.bytes <= most_bytes and totals.entries <= most_entries:
            break
    return totals.bytes + size <= limits.bytes and totals.entries < limits.entries


def _window(database: sqlite3.Connection, totals: Totals) -> list[tuple[int, int, int, int, int]]:
    """The rows after the hand, round the end if need be: of a few last ones alone, the best would be no choice."""
    query = "SELECT id, expires, seen, used, footprint FROM entries WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    start = totals.hand
    rows = database.execute(query, (start, _HIGHEST, WINDOW)).fetchall()
    if len(rows) < WINDOW:
        rows += database.execute(query, (_LOWEST, start, WINDOW - len(rows))).fetchall()
    if rows:
        totals.hand = rows[-1][0]
    return rows


def sweep(database: sqlite3.Connection, totals: Totals, excess_bytes: int, excess_entries: int, *, now: int, keep: int = 0) -> None:
    """Move the hand over one window: remove the expired, and of the rest what covers the excess."""
    rows = [row for row in _window(database, totals) if row[0] != keep]
    gone = [row for row in rows if row[1] <= now]
    excess_bytes -= sum(row[4] for row in gone)
    excess_entries -= len(gone)
    evicting = excess_bytes > 0 or excess_entries > 0
    for row in sorted((row for row in rows if row[1] > now), key=itemgetter(2, 3)):
        if excess_bytes > 0 or excess_entries > 0:
            gone.append(row)
            excess_bytes -= row[4]
            excess_entries -= 1
        elif evicting and row[2]:  # its second chance: as good as written now, until the hand returns
            database.execute("UPDATE entries SET seen = 0, used = ? WHERE id = ?", (now, row[0]))
    if gone:
        ids = [(row[0],) for row in gone]
        database.executemany("DELETE FROM entries WHERE id = ?", ids)
        database.executemany("DELETE FROM large WHERE id = ?", ids)
        totals.entries -= len(gone)
        totals.bytes -= sum(row[4] for row in gone)
