"""The decorator's options, each checked when it is applied: before any traffic."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

from .config.groups import L1CacheConfig
from .errors import ConfigurationError
from .presets import PRESETS, UNSET, Intent, Policy

_NAMESPACE = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
_CODECS = {"serializer": ("dumps", "loads"), "compressor": ("compress", "decompress"), "encryptor": ("encrypt", "decrypt")}


def policy_of(intent: Intent, options: dict[str, Any]) -> Policy:
    """The intent's policy with *options* in place.

    Raises:
        ConfigurationError: it names the option, the value and the remedy.
    """
    try:
        policy = replace(PRESETS[intent], **options)
    except TypeError:
        raise _unknown_option(options) from None
    _check_forms(policy)
    _check_names(policy)
    _check_layers(policy)
    for kind, methods in _CODECS.items():
        _check_codec(kind, getattr(policy, kind), methods)
    _check_authenticated(policy)
    return policy


def _check_forms(policy: Policy) -> None:
    from ._ttl import parse_ttl

    if policy.ttl is not UNSET:
        parse_ttl(policy.ttl)
    if not isinstance(policy.namespace, str) or not _NAMESPACE.fullmatch(policy.namespace):
        raise ConfigurationError.of("namespace", policy.namespace, "takes 1 to 100 ASCII letters, digits and _ . : / -")
    if isinstance(policy.version, bool) or not isinstance(policy.version, int | str | None):
        raise ConfigurationError.of("version", policy.version, "takes a whole number or a text")
    if not isinstance(policy.integrity_checking, bool):
        raise ConfigurationError.of("integrity_checking", policy.integrity_checking, "takes True or False")


def _check_names(policy: Policy) -> None:
    if policy.key is not None and not callable(policy.key):
        raise ConfigurationError.of("key", policy.key, "takes a function of the call's arguments, or None")
    migrate = policy.migrate
    if migrate is not None and not (callable(migrate) and not any(map(inspect.iscoroutinefunction, (migrate, type(migrate).__call__)))):
        raise ConfigurationError.of("migrate", policy.migrate, "takes a plain function of an older entry's plain data, or None")
    if inspect.iscoroutinefunction(policy.key):
        raise ConfigurationError.of("key", policy.key, "takes a plain function; a key is needed before anything is awaited")
    names = policy.ignore
    if not isinstance(names, str | tuple | list | frozenset | set) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError.of("ignore", names, "takes names of parameters, as text")
    if policy.key is not None and names:
        raise ConfigurationError("ignore= means nothing beside key=, which alone makes the key; leave one of them out")


def _check_layers(policy: Policy) -> None:
    from ._resolve import checked_backend

    if policy.l1 is not None and not isinstance(policy.l1, L1CacheConfig):
        raise ConfigurationError.of("l1", policy.l1, "takes a cachekit.config.L1CacheConfig")
    if not isinstance(policy.l1_enabled, bool | None):
        raise ConfigurationError.of("l1_enabled", policy.l1_enabled, "takes True or False")
    checked_backend(policy.backend)
    l1_on = policy.l1_enabled if policy.l1_enabled is not None else policy.l1 is None or policy.l1.enabled
    if policy.backend is None and not l1_on:
        raise ConfigurationError("backend=None with L1 off would cache nothing; give a backend, or leave L1 on")


def _check_codec(kind: Any, given: Any, methods: tuple[str, ...]) -> None:
    from ._making import lacking
    from ._plugins import NAME_TAKES, is_name, registry

    if given is UNSET or (given is None and kind == "encryptor"):
        return
    if isinstance(given, str):
        registry.resolve(kind, given)
        return
    lacks = lacking(kind, given)
    name = getattr(given, "name", None)
    if isinstance(given, type) or lacks or not isinstance(name, str) or not is_name(name):
        takes = f"takes an installed name, or an object with the methods {' and '.join(methods)} and a name ({NAME_TAKES})"
        raise ConfigurationError.of(kind, given, takes)


def _check_authenticated(policy: Policy) -> None:
    from ._plugins import registry

    given = policy.serializer
    asked = registry.resolve("serializer", given) if isinstance(given, str) else given
    if getattr(asked, "needs_authentication", False) and policy.encryptor is None:
        name = given if isinstance(given, str) else given.name
        raise ConfigurationError(
            f"serializer={name!r} runs what the stored bytes tell it to, so whoever can write to the backend could run code here; "
            "give an encryptor=, which proves who wrote them, or use a serializer that only reads data, such as 'std'"
        )


def _unknown_option(options: dict[str, Any]) -> ConfigurationError:
    known = [field.name for field in fields(Policy)]
    unknown = next(name for name in options if name not in known)
    near = get_close_matches(unknown, known, n=1)
    hint = f"; did you mean {near[0]}=?" if near else ""
    # Without its value, which may be a secret.
    return ConfigurationError(f"{unknown}=: cache() has no such option (it has {', '.join(known)}){hint}")
