"""L1 beside other libraries: what hits cost, and what it does when it is full."""

from __future__ import annotations

from . import l1_full, l1_hits
from .measuring import Row


def measure(share: float) -> list[Row]:
    return [*l1_hits.measure(share), *l1_full.measure(share)]
