"""The libraries that extras bring, imported when first needed; missing ones are an error that says what to install."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

from ..errors import BrokenPluginError

_EXTRAS = {"pyarrow": "arrow"}


def library(name: str, needed_by: str = "this value") -> Any:
    """The module *name*, or `BrokenPluginError` with the line that installs it."""
    module = sys.modules.get(name)
    # Not one that another thread is importing: it has half of its names.
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise BrokenPluginError(
            f"{needed_by} needs the library {package}, which cannot be imported ({type(error).__name__}); "
            f"pip install 'cachekit-core[{_EXTRAS.get(package, package)}]'"
        ) from error


@functools.cache
def pyarrow() -> Any:
    library("pyarrow.ipc")
    return library("pyarrow")


@functools.cache
def pandas() -> Any:
    return library("pandas")


@functools.cache
def polars() -> Any:
    return library("polars")
