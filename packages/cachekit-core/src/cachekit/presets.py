"""The intents as data: one immutable policy each. A call's own options replace fields of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Literal

from .config.groups import L1CacheConfig
from .contracts import Backend, Compressor, Encryptor, Serializer


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""An option left to the environment; None means something of its own for `ttl` and `backend`."""

Intent = Literal["default", "minimal", "test", "dev", "production"]


_L1 = L1CacheConfig()
_FASTEST_L1 = L1CacheConfig(swr_enabled=False, copy=False)
_PLAIN_L1 = L1CacheConfig(swr_enabled=False)


def budget_of(config: L1CacheConfig) -> L1CacheConfig:
    """The object that stands for the budget of *config*: the presets' own share one."""
    return _L1 if config is _FASTEST_L1 or config is _PLAIN_L1 else config


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything a decorated function's caching is told. `cache` documents each field."""

    ttl: object = UNSET
    namespace: str = "default"
    backend: Backend | str | Unset | None = UNSET
    l1: L1CacheConfig = _L1
    l1_enabled: bool | None = None
    serializer: str | Serializer = "default"
    compressor: str | Compressor | Unset = UNSET
    encryptor: str | Encryptor | None = None
    migrate: Callable[[Any], Any] | None = None
    key: Callable[..., Any] | None = None
    ignore: tuple[str, ...] | str = ()
    version: int | str | None = None
    integrity_checking: bool = True


PRESETS: Mapping[Intent, Policy] = MappingProxyType(
    {
        "default": Policy(),
        "minimal": Policy(integrity_checking=False, l1=_FASTEST_L1),
        "test": Policy(integrity_checking=False, l1=_PLAIN_L1),
        "dev": Policy(),
        "production": Policy(),
    }
)
