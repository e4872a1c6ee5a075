"""The memory that this process has, as the kernel counts it.

Not by `getrusage`: its peak is inherited from the process that started this one.
"""

from __future__ import annotations

from pathlib import Path


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def resident() -> int:
    """Bytes, now."""
    return _status("VmRSS:")


def peak() -> int:
    """The most bytes since the start, or since `reset_peak`."""
    return _status("VmHWM:")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
