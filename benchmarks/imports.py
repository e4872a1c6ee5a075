"""What `from cachekit import cache` costs beside `import redis`, both above bare Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

from .measuring import Row, medians

STATEMENTS = {"bare": "pass", "ours": "from cachekit import cache", "redis": "import redis"}


# Compiled modules, as users have them: without, both sides would compile their sources each time.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure() -> list[Row]:
    for statement in STATEMENTS.values():
        _once(statement)
    found = medians({name: partial(_once, statement) for name, statement in STATEMENTS.items()}, rounds=15)
    ours, redis = found["ours"] - found["bare"], found["redis"] - found["bare"]
    return [Row("from cachekit import cache", ours, "ms", ours / redis, "import redis", 0.5)]


def _once(statement: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=ENVIRONMENT)
    return (time.perf_counter() - begun) * 1000
