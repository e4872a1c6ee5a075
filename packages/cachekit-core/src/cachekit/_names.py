"""Names of modules and classes that mean the same in every process, or are refused."""

from __future__ import annotations

import logging
import os
import sys
import weakref
import zoneinfo
from typing import Any

# By address: a metaclass may say that two classes are equal.
_type_names: dict[int, tuple[weakref.ref[type], str]] = {}
_addressed: dict[str, weakref.ref[type]] = {}
_log = logging.getLogger("cachekit")


def module_name(name: str, namespace: dict[str, Any] | None = None) -> str:
    """The name of a module; for the program that was started, its module or file rather than ``__main__``.

    Two scripts that share a backend are both ``__main__``, and their functions are not the same.
    """
    if name not in ("__main__", "__mp_main__"):
        return name
    if namespace is None:
        namespace = vars(sys.modules[name]) if name in sys.modules else {}
    spec = namespace.get("__spec__")
    if spec is not None:
        return str(spec.name)
    file = namespace.get("__file__")
    return os.path.realpath(file) if file else name


def is_interactive(name: str, namespace: dict[str, Any]) -> bool:
    """Whether the code was typed rather than loaded: nothing names it but itself."""
    return module_name(name, namespace) in ("__main__", "__mp_main__")


def type_name(cls: type) -> str:
    """``module:qualname`` of *cls*; two living classes never share one.

    A class that cannot be found by its name (made inside a function, or replaced by a reload)
    gets a name that holds in this process only.
    """
    at = id(cls)
    named = _type_names.get(at)
    if named is None:
        known = f"{module_name(cls.__module__)}:{cls.__qualname__}"
        holder = _addressed.get(known, lambda: None)()
        if (_is_static(cls) or find_type(cls.__module__, cls.__qualname__) is cls) and (holder is None or holder is cls):
            _addressed[known] = weakref.ref(cls)
        else:
            _log.info("%s cannot be found by its name, so keys made of it hold in this process only", known)
            known += "#" + os.urandom(16).hex()
        named = _type_names.setdefault(at, (weakref.ref(cls, lambda _: _type_names.pop(at, None)), known))
    return named[1]


def _is_static(cls: type) -> bool:
    """Whether the interpreter itself holds the class, as it does NoneType, though no module names it."""
    return not cls.__flags__ & 1 << 9


def find_type(module: str, qualname: str) -> object:
    """What *qualname* is in a module that is already imported, or None. Runs no code."""
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = vars(found).get(part) if isinstance(found, type | type(sys)) else None
    return found


def is_named_zone(zone: zoneinfo.ZoneInfo) -> bool:
    """Whether its key leads back to *zone*: one read from a file may carry any key."""
    try:
        return zone.key is not None and zoneinfo.ZoneInfo(zone.key) is zone
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return False
