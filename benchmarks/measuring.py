"""Interleaved rounds and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison: *ours* in *unit*, as a *ratio* of what stands *beside*, and the most it may be."""

    what: str
    ours: float
    unit: str
    ratio: float
    beside: str
    limit: float | None = None


def medians(timed: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run each once a round, in turn, so that what disturbs the machine disturbs them alike."""
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, once in timed.items():
            taken[name].append(once())
    return {name: statistics.median(times) for name, times in taken.items()}
