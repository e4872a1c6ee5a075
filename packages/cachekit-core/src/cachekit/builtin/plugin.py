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


def _std(settings: None) -> Serializer:
    from .std import StdSerializer

    return StdSerializer()


def _zstd(settings: CachekitConfig) -> Compressor:
    from .zstd import ZstdCompressor

    return ZstdCompressor(settings.compression_level)


def _none(settings: None) -> Compressor:
    from .none import NoCompressor

    return NoCompressor()


@hookimpl
def cachekit_register_serializers() -> list[SerializerSpec]:
    return [SerializerSpec(name="std", api_version=1, factory=_std), SerializerSpec(name="default", api_version=1, factory=_std)]


@hookimpl
def cachekit_register_compressors() -> list[CompressorSpec]:
    return [
        CompressorSpec(name="zstd", api_version=1, factory=_zstd, settings=_settings),
        CompressorSpec(name="none", api_version=1, factory=_none),
    ]
