"""What plugins' factories make, checked: a factory may return anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _plugins
from ._plugins import NAME_TAKES, Kind, is_name
from .contracts import BACKEND_VERBS
from .errors import BrokenPluginError, CachekitError

_made: dict[tuple[Kind, str], Any] = {}

_METHODS: Mapping[Kind, tuple[str, ...]] = {
    "backend": BACKEND_VERBS,
    "serializer": ("dumps", "loads"),
    "compressor": ("compress", "decompress"),
    "encryptor": ("encrypt", "decrypt"),
}


def lacking(kind: Kind, thing: object) -> list[str]:
    """The methods a *kind* has and *thing* has not."""
    return [method for method in _METHODS[kind] if not callable(getattr(thing, method, None))]


def made(kind: Kind, name: str) -> Any:
    """The one serializer, compressor or encryptor called *name* in this process."""
    found = _made.get((kind, name))
    if found is None:
        # Two threads may make it twice; either will do, and the first one stays.
        found = _made.setdefault((kind, name), make(kind, name))
    return found


def make(kind: Kind, name: str) -> Any:
    """Call the factory of *name* with its settings, loaded, and check what it made."""
    spec = _plugins.registry.resolve(kind, name)
    try:
        settings = None
        if spec.settings is not None:
            from .config import load_settings

            settings = load_settings(spec.settings())
        thing = spec.factory(settings)
    except CachekitError:
        raise
    except Exception as error:
        raise BrokenPluginError(f"{kind}={name!r} could not be made: its factory raised {type(error).__name__}: {error}") from error
    lacks = lacking(kind, thing)
    if lacks or (kind != "backend" and not (isinstance(getattr(thing, "name", None), str) and is_name(thing.name))):
        what = f"lacks {', '.join(lacks)}" if lacks else f"has no name ({NAME_TAKES})"
        raise BrokenPluginError(f"{kind}={name!r} could not be made: its factory returned a {type(thing).__qualname__}, which {what}")
    return thing
