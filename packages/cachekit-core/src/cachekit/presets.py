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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything a decorated function's caching is told. `cache` documents each field."""

    ttl: object = UNSET
    namespace: str = "default"
    backend: Backend | str | Unset | None = UNSET
    l1: L1CacheConfig | None = None
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
        "minimal": Policy(integrity_checking=False),
        "test": Policy(integrity_checking=False),
        "dev": Policy(),
        "production": Policy(),
    }
)
