"""Core's hook implementations. No codec is imported until one is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contracts import CompressorSpec, SerializerSpec
from ..hookspecs import hookimpl

if TYPE_CHECKING:
    from ..config import CachekitConfig
    from ..contracts import Compressor, Serializer


def _settings() -> type[CachekitConfig]:
    from ..config import CachekitConfig

    return CachekitConfig


def _std(settings: CachekitConfig) -> Serializer:
    from .std import StdSerializer

    return StdSerializer(max_bytes=_max_bytes(settings))


def _auto(settings: CachekitConfig) -> Serializer:
    from .auto import AutoSerializer

    return AutoSerializer(max_bytes=_max_bytes(settings))


def _arrow(settings: CachekitConfig) -> Serializer:
    from .arrow import ArrowSerializer

    return ArrowSerializer(max_bytes=_max_bytes(settings))


def _orjson(settings: CachekitConfig) -> Serializer:
    from .plain_json import OrjsonSerializer

    return OrjsonSerializer(max_bytes=_max_bytes(settings))


def _msgspec(settings: CachekitConfig) -> Serializer:
    from .typed_msgpack import MsgspecSerializer

    return MsgspecSerializer(max_bytes=_max_bytes(settings))


def _pickle(settings: CachekitConfig) -> Serializer:
    from .pickled import PickleSerializer

    return PickleSerializer()


def _max_bytes(settings: CachekitConfig) -> int:
    return settings.max_value_size_mb << 20


def _zstd(settings: CachekitConfig) -> Compressor:
    from .zstd import ZstdCompressor

    return ZstdCompressor(settings.compression_level)


def _lz4(settings: CachekitConfig) -> Compressor:
    from .lz4_frame import Lz4Compressor

    return Lz4Compressor(settings.compression_level)


def _gzip(settings: CachekitConfig) -> Compressor:
    from .gzipped import GzipCompressor

    return GzipCompressor(settings.compression_level)


def _none(settings: CachekitConfig) -> Compressor:
    from .none import NoCompressor

    return NoCompressor()


@hookimpl
def cachekit_register_serializers() -> list[SerializerSpec]:
    makers = {"default": _std, "std": _std, "auto": _auto, "arrow": _arrow, "orjson": _orjson, "msgspec": _msgspec, "pickle": _pickle}
    return [
        SerializerSpec(name=name, api_version=1, factory=make, settings=_settings, needs_authentication=name == "pickle")
        for name, make in makers.items()
    ]


@hookimpl
def cachekit_register_compressors() -> list[CompressorSpec]:
    makers = {"zstd": _zstd, "lz4": _lz4, "gzip": _gzip, "none": _none}
    return [CompressorSpec(name=name, api_version=1, factory=make, settings=_settings) for name, make in makers.items()]
