"""Core's own variables."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CachekitConfig(BaseSettings):
    """Core's settings, from the environment.

    Example:
        >>> from cachekit.config import CachekitConfig
        >>> CachekitConfig(default_ttl=60).default_ttl
        60.0
    """

    model_config = SettingsConfigDict(env_prefix="CACHEKIT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    enabled: bool = Field(default=True, description="false turns all caching off")
    backend: str | None = Field(default=None, description="the name of the default backend")
    default_ttl: float = Field(
        default=3600.0,
        gt=0,
        le=3_153_600_000,
        allow_inf_nan=False,
        description="seconds, above 0, at most 100 years, for functions that name no ttl",
    )
    enable_compression: bool = Field(default=True, description="false stores values as they are")
    compression_level: int = Field(default=6, ge=1, le=9, description="from 1, the fastest, to 9, the smallest")
    compression_threshold: int = Field(default=256, ge=0, description="bytes from which values are compressed")
    max_value_size_mb: int = Field(default=256, ge=1, le=65_536, description="MiB that a value may take once serialized, or once read back")
    max_chunk_size_mb: int = Field(default=50, ge=1, le=512, description="MiB of a value that a backend is given in one piece")
