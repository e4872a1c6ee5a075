"""What a forked child begins anew: a lock may be held by a thread, and a thread be needed, that it does not have."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_child(begin_anew: Callable[[], None]) -> None:
    """Call *begin_anew* in each child that this process forks, where processes fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_anew)
