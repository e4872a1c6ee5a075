"""Interleaved rounds and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison: *ours* in *unit*, as a *ratio* of what stands *beside*, and the most it may be, or the least."""

    what: str
    ours: float
    unit: str
    ratio: float
    beside: str
    limit: float | None = None
    least: float | None = None

    @property
    def missed(self) -> bool:
        """Whether something was asked for and not reached."""
        return (self.limit is not None and self.ratio > self.limit) or (self.least is not None and self.ratio < self.least)

    @property
    def asked(self) -> str:
        """What was asked for, and whether it is reached; nothing if nothing was."""
        if self.limit is None and self.least is None:
            return ""
        target = f"at least {self.least}x" if self.limit is None else f"at most {self.limit}x"
        return f"{target}: {'MISSED' if self.missed else 'reached'}"


def part(full: int, share: float) -> int:
    """How many of *full* rounds or calls a run of that *share* makes."""
    return max(1, round(full * share))


def medians(timed: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run each once a round, in turn, so that what disturbs the machine disturbs them alike."""
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, once in timed.items():
            taken[name].append(once())
    return {name: statistics.median(times) for name, times in taken.items()}
