"""The clocks, for intervals and for stored stamps; tests put their own here."""

from __future__ import annotations

import time
from collections.abc import Callable

monotonic: Callable[[], float] = time.monotonic
wall: Callable[[], float] = time.time
