"""Calls cut off before a chosen line, as a signal's handler that raises, or Ctrl-C, does."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

import cachekit

OURS = os.path.dirname(cachekit.__file__)


class Interrupt(BaseException):
    """What a handler raises."""


def is_line(frame: Any, event: str) -> bool:
    """Whether *frame* comes to a line where the interpreter may run a handler: not between a with's body and its lock's release."""
    return event == "line" and not linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(("with ", "async with "))


def interrupted(line: int, call: Callable[[], Any]) -> bool:
    """Make *call*, raising an `Interrupt` before the *line*-th line of cachekit's that it runs; False if it ran fewer."""
    left, before = line, sys.gettrace()

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if is_line(frame, event):
            left -= 1
            if left == 0:
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return left <= 0
