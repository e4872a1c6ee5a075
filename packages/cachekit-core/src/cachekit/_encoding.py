"""How one function's values are written: from its policy, its return annotation and the settings to a codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _annotations, _making
from ._codec import Codec, Limits
from ._plugins import Kind
from .contracts import AnnotatedSerializer, Serializer
from .presets import UNSET, Policy

if TYPE_CHECKING:
    from .config import CachekitConfig

_PLAIN = {"std": False, "default": False, "auto": True}  # those of core that take any value; whether arrays too


@dataclass(frozen=True, slots=True)
class Encoding:
    """A function's codec, and a text for who is refused a value: why its annotation was of no use, or empty."""

    codec: Codec
    unresolved: str


def encoding_of(function: Callable[..., Any], policy: Policy, config: CachekitConfig) -> Encoding:
    """The codec of *function*. An annotation that cannot be evaluated is as good as none."""
    unresolved = ""
    try:
        annotation = _annotations.returned(function)
    except _annotations.Unresolved as error:
        annotation, unresolved = _annotations.NO_ANNOTATION, f"; its return annotation could not be evaluated ({error})"
    serializer: Serializer = _made("serializer", policy.serializer)
    if annotation is not _annotations.NO_ANNOTATION and isinstance(serializer, AnnotatedSerializer):
        serializer = serializer.for_annotation(annotation)
    compressor = policy.compressor if policy.compressor is not UNSET else "zstd" if config.enable_compression else "none"
    codec = Codec(
        serializer,
        _made("compressor", compressor),
        None if policy.encryptor is None else _made("encryptor", policy.encryptor),
        integrity=policy.integrity_checking,
        schema=_annotations.fingerprint(annotation),
        migrate=policy.migrate,
        limits=Limits(config.max_value_size_mb << 20, config.compression_threshold, config.max_chunk_size_mb << 20),
    )
    return Encoding(codec, unresolved)


def never_cached(function: Callable[..., Any], policy: Policy) -> str | None:
    """Why no value of what *function* says it returns could be cached by a backend, or None."""
    if policy.backend is None or not isinstance(policy.serializer, str) or policy.serializer not in _PLAIN:
        return None
    try:
        return _annotations.lossy(_annotations.returned(function), arrays=_PLAIN[policy.serializer])
    except _annotations.Unresolved:
        return None


def _made(kind: Kind, given: Any) -> Any:
    return _making.made(kind, given) if isinstance(given, str) else given
