"""The CACHEKIT_FILE_* variables."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 2**20
_LARGEST_DEFAULT_VALUE_MB = 100.0

_log = logging.getLogger("cachekit")
_said: set[Path] = set()


def _default_directory() -> Path:
    """The system's temp folder + ``cachekit``, or ``cachekit-<uid>`` where the first is somebody else's."""
    shared = Path(tempfile.gettempdir()) / "cachekit"
    try:
        owner = shared.lstat().st_uid
    except OSError:
        return shared
    if owner == os.geteuid():
        return shared
    own = shared.with_name(f"cachekit-{os.geteuid()}")
    if own not in _said:
        _said.add(own)
        _log.info("%s belongs to uid %d: using %s (CACHEKIT_FILE_CACHE_DIR chooses another)", shared, owner, own)
    return own


class FileBackendConfig(BaseSettings):
    """The file backend's settings, from the environment or by keyword.

    Parameters:
        cache_dir: the directory of the store; made if missing, private to its owner.
        max_size_mb: the limit in MiB of everything in the directory, 1 to 1,000,000.
        max_value_mb: the limit in MiB of one value, above 0 and at most half of *max_size_mb*;
            unset, the smaller of 100 and that half.
        max_entry_count: the limit of entries, 100 to 1,000,000.
        lock_timeout_seconds: how long a call waits for other processes and threads, 0.5 to 30 s.

    Raises:
        pydantic.ValidationError: a value is out of range. `cachekit.config.load_settings`, which
            reads the environment, makes it a ConfigurationError that names the variable.

    Example:
        >>> from pathlib import Path
        >>> from cachekit_file import FileBackendConfig
        >>> FileBackendConfig(cache_dir=Path("/srv/cache"), max_size_mb=64).max_value_mb
        32.0
    """

    model_config = SettingsConfigDict(env_prefix="CACHEKIT_FILE_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    cache_dir: Path = Field(default_factory=_default_directory, description="the directory of the store")
    max_size_mb: int = Field(default=1024, ge=1, le=1_000_000, description="MiB for everything in the directory, from 1 to 1000000")
    max_value_mb: float = Field(default=None, validate_default=True, gt=0, description="MiB for one value")
    max_entry_count: int = Field(default=10_000, ge=100, le=1_000_000, description="entries, from 100 to 1000000")
    lock_timeout_seconds: float = Field(default=5.0, ge=0.5, le=30.0, description="seconds to wait for other processes, from 0.5 to 30")

    @field_validator("cache_dir", mode="before")
    @classmethod
    def _is_a_path(cls, value: Any) -> Any:
        text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if not isinstance(text, str) or not text or "\0" in text:
            raise ValueError("the path of a directory, not empty and without NUL")
        # Absolute from now on: a later chdir must not move the cache.
        return Path(text).expanduser().absolute()

    @field_validator("max_value_mb", mode="before")
    @classmethod
    def _half_unless_set(cls, value: Any, info: ValidationInfo) -> Any:
        return min(_LARGEST_DEFAULT_VALUE_MB, info.data.get("max_size_mb", MIB) / 2) if value is None else value

    @field_validator("max_value_mb", mode="after")
    @classmethod
    def _at_most_half(cls, value: float, info: ValidationInfo) -> float:
        size = info.data.get("max_size_mb")  # missing when it was itself refused
        if size is not None and not value <= size / 2:
            raise ValueError(f"above 0 and at most {size / 2:g}, half of CACHEKIT_FILE_MAX_SIZE_MB={size}")
        return value
