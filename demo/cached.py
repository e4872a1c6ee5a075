"""What you would write: a function, and a decorator above it.

The functions stand at the top of a module that can be imported, so every process has the same keys
for them. Which backend they use is not their business: the environment says it.
"""

from __future__ import annotations

import asyncio

from cachekit import cache

from .source import Measures, analyse


@cache(ttl="1h", namespace="demo")
def measure(path: str, modified_ns: int) -> Measures:
    """The measures of a module. *modified_ns* is part of the key: an edited file is measured anew."""
    return analyse(path)


@cache(ttl="1h", namespace="demo")
async def measure_async(path: str, modified_ns: int) -> Measures:
    """As `measure`; the parsing is done in a thread, so that the event loop stays free."""
    return await asyncio.to_thread(analyse, path)
