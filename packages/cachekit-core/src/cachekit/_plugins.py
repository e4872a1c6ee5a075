"""Discovery, the registry of what was found, and the texts that say what went wrong.

Each entry point is registered guarded: a plugin that cannot load, misspells a hook or
returns nonsense is kept as a `Failure`, and every other plugin goes on working. Names
are resolved when a decorator is applied, and it is then that a failure becomes an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pluggy

from . import hookspecs
from .contracts import API_VERSION, BackendSpec, CompressorSpec, EncryptorSpec, SerializerSpec, Spec
from .errors import BrokenPluginError, DuplicatePluginError, IncompatiblePluginError, UnknownPluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "cachekit"
BUILT_IN = "cachekit-core"

Kind = Literal["backend", "serializer", "compressor", "encryptor"]
KINDS: Mapping[Kind, tuple[str, type[Any]]] = {
    "backend": ("cachekit_register_backends", BackendSpec),
    "serializer": ("cachekit_register_serializers", SerializerSpec),
    "compressor": ("cachekit_register_compressors", CompressorSpec),
    "encryptor": ("cachekit_register_encryptors", EncryptorSpec),
}

# Only for the install line of an error; nothing else in core knows a backend by name.
OUR_BACKENDS = {"redis": "cachekit-redis", "memcached": "cachekit-memcached", "file": "cachekit-file", "io": "cachekit-io"}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_TAKES = "lower-case letters, digits, '_' and '-', up to 64"


def is_name(name: str) -> bool:
    """Whether a backend, serializer, compressor or encryptor may be called *name*."""
    return _NAME.fullmatch(name) is not None


class Provider(NamedTuple):
    """Who provides something: an entry point, or core itself."""

    plugin: str
    entry_point: EntryPoint | None = None

    def __str__(self) -> str:
        # The metadata file is parsed only here: it costs more than the rest of discovery.
        dist = self.entry_point.dist if self.entry_point is not None else None
        if dist is None:
            return BUILT_IN if self.entry_point is None else f"entry point {self.plugin!r}"
        return f"{dist.name} {dist.version} (entry point {self.plugin!r})"


class Failure(NamedTuple):
    """Something a plugin offered that cannot be used, and why."""

    provider: Provider
    why: str
    cause: BaseException | None = None
    kind: Kind | None = None
    name: str | None = None

    def __str__(self) -> str:
        what = f"{self.kind} {self.name!r} of " if self.name else ""
        return f"{what}{self.provider}: {self.why}"


class _RejectedError(Exception):
    """A plugin cannot be registered; the text says why."""


class Registry:
    """The plugins that were found, by kind and name."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self._found: dict[Kind, dict[str, list[tuple[Spec[Any], Provider]]]] = {kind: {} for kind in KINDS}
        self._refused: dict[Kind, dict[str, Spec[Any]]] = {kind: {} for kind in KINDS}
        self._disabled: dict[str, str] = {}
        self._manager = pluggy.PluginManager("cachekit")
        self._manager.add_hookspecs(hookspecs)

    def discover(self, entry_points: Iterable[EntryPoint], environ: Mapping[str, str] = os.environ) -> None:
        """Register the entry points that the environment allows, each guarded."""
        only, disabled = _names(environ.get("CACHEKIT_PLUGINS")), _names(environ.get("CACHEKIT_DISABLE_PLUGINS"))
        seen: set[str] = set()
        for entry_point in sorted(entry_points, key=lambda e: (e.name, e.value)):
            called = _called(entry_point) if only or disabled else set()
            seen |= called
            if called & disabled or (only and not called & only):
                self._disabled[entry_point.name] = "CACHEKIT_DISABLE_PLUGINS" if called & disabled else "CACHEKIT_PLUGINS"
            else:
                self._add_entry_point(entry_point)
        for variable, names in (("CACHEKIT_PLUGINS", only), ("CACHEKIT_DISABLE_PLUGINS", disabled)):
            for name in sorted(names - seen):
                self._fail(Provider(name), f"{variable} names {name!r}, but no installed plugin or distribution is called that")

    def add(self, plugin: object, provider: Provider) -> None:
        """Register one plugin, whole or not at all."""
        try:
            offered = self._offered(plugin, f"{provider.plugin} [{id(plugin):x}]")
        except _RejectedError as rejected:
            self._fail(provider, str(rejected), rejected.__cause__)
            return
        for kind, spec in offered:
            self._add_spec(kind, spec, provider)

    def names(self, kind: Kind) -> list[str]:
        """The names that can be used, sorted."""
        return sorted(self._found[kind])

    def specs(self, kind: Kind) -> list[Any]:
        """A spec of each name, sorted, also of those that `resolve` will refuse."""
        return [
            spec for _, spec in sorted((self._refused[kind] | {name: found[0][0] for name, found in self._found[kind].items()}).items())
        ]

    def resolve(self, kind: Kind, name: str) -> Any:
        """The spec called *name*, or the error that says why there is none, and the remedy."""
        found = self._found[kind].get(name, [])
        if len(found) == 1:
            return found[0][0]
        if found:
            plugins = " or ".join(f"CACHEKIT_DISABLE_PLUGINS={provider.plugin}" for _, provider in found)
            raise DuplicatePluginError(
                f"{kind}={name!r}: two distributions provide this name: {' and '.join(str(p) for _, p in found)}. "
                f"Uninstall one of them, or set {plugins}."
            )
        for failure in self.failures:
            if failure.name == name and failure.kind == kind:
                raise IncompatiblePluginError(f"{kind}={name!r}: {failure.provider}: {failure.why}")
            if failure.name is None and failure.provider.plugin == name:
                raise BrokenPluginError(f"{kind}={name!r}: the plugin that has this name cannot be used: {failure}") from failure.cause
        if name in self._disabled:
            raise UnknownPluginError(f"{kind}={name!r}: the plugin of this name is installed, and {self._disabled[name]} leaves it out")
        raise UnknownPluginError(self._unknown(kind, name))

    def unusable(self) -> list[str]:
        """Names of backends that are ours or were meant to be here, and are not."""
        meant = [*OUR_BACKENDS, *self._disabled, *(failure.provider.plugin for failure in self.failures if failure.name is None)]
        return sorted(set(meant) - set(self._found["backend"]) - set(self._refused["backend"]))

    # -- one plugin ----------------------------------------------------------------

    def _add_entry_point(self, entry_point: EntryPoint) -> None:
        provider = Provider(entry_point.name, entry_point)
        try:
            plugin = entry_point.load()
        # A plugin's import may raise anything, sys.exit() included; it must not end ours.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            self._fail(provider, f"importing {entry_point.value!r} raised {type(error).__name__}: {error}", error)
        else:
            self.add(plugin, provider)

    def _offered(self, plugin: object, registered_name: str) -> list[tuple[Kind, Spec[Any]]]:
        if self._manager.is_registered(plugin):
            raise _RejectedError("another entry point already registered this module")
        try:
            self._manager.register(plugin, registered_name)
            self._manager.check_pending()  # now, so that a misspelt hook blames its own author
            callers = self._manager.get_hookcallers(plugin)
            if not callers:
                raise _RejectedError("it implements no cachekit hook; mark its functions with `cachekit.hookimpl`")
            return [(kind, spec) for kind in KINDS for spec in self._called_hook(plugin, kind)]
        except _RejectedError:
            self._forget(plugin)
            raise
        except (pluggy.PluginValidationError, ValueError) as error:
            self._forget(plugin)
            raise _RejectedError(" ".join(str(error).split())) from error

    def _called_hook(self, plugin: object, kind: Kind) -> Sequence[Spec[Any]]:
        hook, spec_type = KINDS[kind]
        specs: list[Spec[Any]] = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            try:
                returned = list(implementation.function())
            except (Exception, SystemExit) as error:
                raise _RejectedError(f"{hook}() raised {type(error).__name__}: {error}") from error
            for spec in returned:
                if not isinstance(spec, spec_type):
                    raise _RejectedError(f"{hook}() returned {spec!r}; it takes a sequence of {spec_type.__name__}")
                if not isinstance(spec.name, str) or not is_name(spec.name):
                    raise _RejectedError(f"{hook}() names a {kind} {spec.name!r}; a name is {NAME_TAKES}")
            specs += returned
        return specs

    def _forget(self, plugin: object) -> None:
        if self._manager.is_registered(plugin):
            self._manager.unregister(plugin)

    def _add_spec(self, kind: Kind, spec: Spec[Any], provider: Provider) -> None:
        found = self._found[kind].setdefault(spec.name, [])
        if spec.api_version != API_VERSION:
            self._refused[kind][spec.name] = spec
            if not found:
                del self._found[kind][spec.name]
            why = f"written for plugin API {spec.api_version}; this cachekit-core speaks {API_VERSION}: install matching versions"
            self._fail(provider, why, kind=kind, name=spec.name)
        elif found and found[0][1].entry_point is None:
            # Core's own names cannot be taken over: every function would depend on who came second.
            self._fail(provider, f"{found[0][1]} already provides this name", kind=kind, name=spec.name)
        else:
            found.append((spec, provider))
            if len(found) > 1:
                self._fail(provider, f"{found[0][1]} provides this name too; neither is used", kind=kind, name=spec.name)

    def _fail(
        self, provider: Provider, why: str, cause: BaseException | None = None, kind: Kind | None = None, name: str | None = None
    ) -> None:
        import logging  # only a failure needs it

        failure = Failure(provider, why, cause, kind, name)
        self.failures.append(failure)
        logging.getLogger("cachekit").warning("plugin not used: %s", failure)

    def _unknown(self, kind: Kind, name: str) -> str:
        import difflib

        installed = self.names(kind)
        if "://" in name or "@" in name:  # not shown: a URL may have a password in it
            names = ", ".join(installed) or "none is installed"
            return f"{kind}=: takes an installed name ({names}) or an object; a URL goes into the {kind}'s own settings"
        known = [*installed, *(OUR_BACKENDS if kind == "backend" else ())]
        text = f"{kind}={name!r}: no installed plugin provides a {kind} of this name. Installed: {', '.join(installed) or '(nothing)'}."
        for nearest in difflib.get_close_matches(name, known, n=1):
            text += f" Did you mean {nearest!r}?" if nearest != name else ""
            if nearest not in installed:
                text += f" Install it: pip install {OUR_BACKENDS[nearest]}"
        if self.failures:
            text += " Plugins not used: " + "; ".join(str(failure) for failure in self.failures)
        return text


def _names(variable: str | None) -> set[str]:
    return {_normal(name.strip()) for name in (variable or "").split(",") if name.strip()}


def _normal(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _called(entry_point: EntryPoint) -> set[str]:
    """What a user may call the plugin: its entry point's name, or its distribution's."""
    dist = entry_point.dist
    return {_normal(entry_point.name)} | ({_normal(dist.name)} if dist is not None else set())


def _discovered() -> Registry:
    from importlib.metadata import entry_points

    from .builtin import plugin

    found = Registry()
    found.add(plugin, Provider("built-in"))
    found.discover(entry_points(group=GROUP))
    return found


def discover() -> None:
    """Find the plugins; called once, by ``import cachekit``."""
    global registry
    registry = _discovered()


registry = Registry()
