"""Names of modules and classes that mean the same in every process, or are refused."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any

from .errors import UncacheableArgumentError

_type_names: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
_claimed: dict[str, weakref.ref[type]] = {}


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
    """``module:qualname`` of *cls*; two living classes never share one."""
    known = _type_names.get(cls)
    if known is None:
        known = f"{module_name(cls.__module__)}:{cls.__qualname__}"
        if find_type(cls.__module__, cls.__qualname__) is not cls:
            _claim(known, cls)
        _type_names[cls] = known
    return known


def find_type(module: str, qualname: str) -> object:
    """What *qualname* is in a module that is already imported, or None. Runs no code."""
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = vars(found).get(part) if isinstance(found, type | type(sys)) else None
    return found


def _claim(name: str, cls: type) -> None:
    """A class made inside a function has no address of its own; the first living one keeps the name."""
    holder = _claimed.get(name, lambda: None)()
    if holder is not None and holder is not cls:
        raise UncacheableArgumentError(
            f"two classes are called {name}, so a key cannot tell their instances apart; "
            "define the class in a module, or give it a __qualname__ of its own"
        )
    _claimed[name] = weakref.ref(cls)
