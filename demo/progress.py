"""How far a pass is, on stderr: in place on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time

_BAR = 24


class Progress:
    """Parameters:
    title: what is under way.
    total: how many steps it takes.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._in_place = sys.stderr.isatty()
        self._pause = 0.1 if self._in_place else 2.0
        self._next = time.monotonic() + self._pause

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause
            filled = _BAR * self._done // self._total
            bar = f"[{'#' * filled}{'.' * (_BAR - filled)}] " if self._in_place else ""
            self._write(f"{bar}{self._done} of {self._total}", end="" if self._in_place else "\n")

    def finish(self, text: str) -> None:
        """Say how it went."""
        self._write(text, end="\n")

    def _write(self, text: str, end: str) -> None:
        start, rest = ("\r", "\x1b[K") if self._in_place else ("", "")
        print(f"{start}  {self._title:<32} {text}{rest}", end=end, file=sys.stderr, flush=True)
