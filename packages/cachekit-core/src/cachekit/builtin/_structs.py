"""How a msgspec Struct is made of its fields, as it was: only its constructor can, and that may run code of the class."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Generic


def constructor(cls: Any) -> Callable[[dict[str, Any]], Any]:
    """What makes a Struct of all of its fields and runs no `__post_init__`, which might change them."""
    if not hasattr(cls, "__post_init__"):
        return lambda fields: cls(**fields)
    base = sys.modules["msgspec"].Struct
    hook = next(each for each in cls.__mro__ if "__init_subclass__" in each.__dict__)
    if type(cls) is type(base) and any(hook is known for known in (object, base, Generic)):
        twin = type(base)(cls.__name__, (cls,), {"__module__": cls.__module__, "__post_init__": lambda self: None})
        become = object.__dict__["__class__"].__set__

        def made(fields: dict[str, Any]) -> Any:
            instance = twin(**fields)
            become(instance, cls)
            return instance

        return made
    return lambda fields: _reset(cls(**fields), fields)  # a subclass of this one might be registered somewhere


def _reset(instance: Any, fields: dict[str, Any]) -> Any:
    force = sys.modules["msgspec"].structs.force_setattr
    for name, item in fields.items():
        force(instance, name, item)
    return instance
