"""How one function's values are written: from its policy, its return annotation and the settings to a codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _annotations, _lossy, _making
from ._codec import Codec, Limits
from ._plugins import Kind
from .contracts import AnnotatedSerializer, LossyAnnotations, Serializer
from .errors import CachekitError, ConfigurationError
from .presets import UNSET, Policy

if TYPE_CHECKING:
    from .config import CachekitConfig

_Judge = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Encoding:
    """A function's codec, and a text for who is refused a value: why its annotation was of no use, or empty."""

    codec: Codec
    unresolved: str


def encoding_of(function: Callable[..., Any], policy: Policy, config: CachekitConfig) -> Encoding:
    """The codec of *function*. An annotation that cannot be evaluated is as good as none."""
    serializer: Serializer = _made("serializer", policy.serializer)
    unresolved, schema = "", b""
    try:
        returned = _annotations.read(function)
        schema = returned.fingerprint
    except _annotations.Unresolved as error:
        unresolved = f"; its return annotation could not be evaluated ({error})"
    else:
        if returned.annotation is not _annotations.NO_ANNOTATION:
            serializer = _annotated(serializer, returned.annotation)
    compressor = policy.compressor if policy.compressor is not UNSET else "zstd" if config.enable_compression else "none"
    codec = Codec(
        serializer,
        _made("compressor", compressor),
        None if policy.encryptor is None else _made("encryptor", policy.encryptor),
        integrity=policy.integrity_checking,
        schema=schema,
        migrate=policy.migrate,
        limits=Limits(config.max_value_size_mb << 20, config.compression_threshold, config.max_chunk_size_mb << 20),
    )
    return Encoding(codec, unresolved)


def _annotated(serializer: Serializer, annotation: Any) -> Serializer:
    """*serializer* for values of *annotation*; what anybody's may raise or return is checked."""
    if not isinstance(serializer, AnnotatedSerializer):
        return serializer
    made: Any = _asked(serializer.name, "for_annotation", serializer.for_annotation, annotation)
    if _making.lacking("serializer", made) or getattr(made, "name", None) != serializer.name:
        raise ConfigurationError(
            f"serializer {serializer.name!r}: its for_annotation returned a {type(made).__qualname__}, not a serializer of the same name"
        )
    return made  # type: ignore[no-any-return]


def never_cached(function: Callable[..., Any], policy: Policy) -> str | None:
    """Why no value of what *function* says it returns could be cached by a backend, or None.

    Raises:
        ConfigurationError: the annotation, or the serializer with it, is of no use.
    """
    try:
        annotation = _annotations.read(function).annotation
    except _annotations.Unresolved:
        return None
    if policy.backend is None or annotation is _annotations.NO_ANNOTATION:
        return None
    judge = _judge(policy.serializer)
    name = policy.serializer if isinstance(policy.serializer, str) else policy.serializer.name
    reason = None if judge is None else _asked(name, "lossy", judge, annotation)
    return reason if isinstance(reason, str) else None


def _judge(serializer: Any) -> _Judge | None:
    """Who tells of an annotation that a serializer refuses all its values. Core's names are not made for it: that reads the settings."""
    if not isinstance(serializer, str):
        return serializer.lossy if isinstance(serializer, LossyAnnotations) else None
    if serializer in ("std", "default"):
        return _lossy.lossy
    classes = {"auto": "AutoSerializer", "arrow": "ArrowSerializer", "orjson": "OrjsonSerializer", "msgspec": "MsgspecSerializer"}
    if serializer not in classes:
        return None
    from . import serializers

    judge: _Judge = getattr(serializers, classes[serializer]).lossy
    return judge


def _asked(name: str, method: str, ask: Callable[[Any], Any], annotation: Any) -> Any:
    """What a serializer's *method* says of *annotation*; whatever it raises is a `ConfigurationError` that names it."""
    try:
        return ask(annotation)
    except CachekitError:
        raise
    except Exception as error:
        raise ConfigurationError(f"serializer {name!r}: its {method} raised {type(error).__name__} over the return annotation") from error


def _made(kind: Kind, given: Any) -> Any:
    return _making.made(kind, given) if isinstance(given, str) else given
