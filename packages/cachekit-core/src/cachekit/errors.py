"""One hierarchy: everything cachekit raises on its own account is a `CachekitError`.

Configuration mistakes (`ConfigurationError`) raise at once, before traffic. Backend and
codec errors are counted and logged, and never reach the caller of a cached function.
"""

from __future__ import annotations

import datetime
import reprlib

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80


_SHOWN = (str, bytes, int, float, type(None), type, datetime.timedelta)


def shown(value: object) -> str:
    """*value* for an error text: a short repr of plain values, the type of all others.

    The repr of an object is its author's: it may raise, fill a page, or show a password.
    """
    if not isinstance(value, _SHOWN):
        return f"<{type(value).__qualname__} object>"
    try:
        return _repr.repr(value)
    except ValueError:  # Python does not write out an int of thousands of digits
        return f"<{type(value).__qualname__} of many digits>"


class CachekitError(Exception):
    """The base of every error cachekit raises."""


class ConfigurationError(CachekitError, ValueError):
    """A setting or an argument is wrong. The text names it, what it got, and what it takes."""

    @classmethod
    def of(cls, argument: str, value: object, takes: str) -> ConfigurationError:
        """An error that reads ``argument=value: takes``."""
        return cls(f"{argument}={shown(value)}: {takes}")


class UnsupportedFunctionError(ConfigurationError):
    """What was decorated cannot be cached (a generator, a property, an unnamed callable…)."""


class PluginError(ConfigurationError):
    """A plugin cannot be used."""


class UnknownPluginError(PluginError):
    """No installed plugin has this name."""


class BrokenPluginError(PluginError):
    """The plugin that should provide this name failed to load, or could not make what it names."""


class DuplicatePluginError(PluginError):
    """Two distributions provide one name."""


class IncompatiblePluginError(PluginError):
    """The plugin was written for another version of the plugin API."""


class UncacheableArgumentError(CachekitError, TypeError):
    """An argument has no stable identity, so no key can be made from it."""


class SerializationError(CachekitError):
    """A value cannot be encoded so that it comes back as it was."""


class DecodeError(CachekitError):
    """Stored bytes were not understood. *reason* is one word or two, and is counted as such."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class BackendError(CachekitError):
    """A backend could not do what was asked. Its subclasses say what that means."""


class TransientBackendError(BackendError):
    """It may work next time: a refused or reset connection, a time-out, a server that is loading."""


class PermanentBackendError(BackendError):
    """It will fail again until somebody changes something."""


class AuthenticationError(PermanentBackendError):
    """The backend refused our credentials."""


class BackendClosedError(PermanentBackendError):
    """The backend was used after its `close()`."""


class ValueTooLargeError(PermanentBackendError):
    """The value is larger than the backend takes. Other values may fit."""
