"""The variables of the Redis backend."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ._address import parse

_DAY = 86400
_URL_VARIABLES = ("CACHEKIT_REDIS_URL", "REDIS_URL")


class RedisBackendConfig(BaseSettings):
    """The Redis backend's settings: arguments by field name, then the environment, then defaults.

    Parameters:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; from ``CACHEKIT_REDIS_URL``, then
            ``REDIS_URL``; default ``redis://localhost:6379/0``.
        connection_pool_size: the most connections of one process, and of each event loop in it;
            1 or more, default 10.
        socket_timeout: seconds to wait for the server, or for a free connection; above 0, at most
            a day, default 1.0.
        socket_connect_timeout: seconds to wait for a connection to open; the same range and default.

    Raises:
        pydantic.ValidationError: a value is wrong; no text of it shows the URL.
            `cachekit.config.load_settings` makes a `ConfigurationError` of it that names the variable.

    Example:
        >>> from cachekit_redis import RedisBackendConfig
        >>> from pydantic import SecretStr
        >>> RedisBackendConfig(url=SecretStr("redis://:secret@cache.example/2")).connection_pool_size
        10
    """

    model_config = SettingsConfigDict(env_prefix="CACHEKIT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    url: SecretStr = Field(
        default=SecretStr("redis://localhost:6379/0"),
        validation_alias=AliasChoices(*_URL_VARIABLES),
        description="where the Redis server is",
    )
    connection_pool_size: int = Field(default=10, ge=1, description="the most connections of one process, and of each event loop in it")
    socket_timeout: float = Field(default=1.0, gt=0, le=_DAY, allow_inf_nan=False, description="seconds to wait for the server")
    socket_connect_timeout: float = Field(
        default=1.0, gt=0, le=_DAY, allow_inf_nan=False, description="seconds to wait for a connection to open"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name_and_sealed(cls, values: Any) -> Any:
        # populate_by_name would also read a variable CACHEKIT_URL, which is nowhere documented; and a
        # URL that stays plain text here would lie in the `input` of a validation error.
        url = next((values[name] for name in ("url", *_URL_VARIABLES) if name in values), None)
        others = {name: value for name, value in values.items() if name not in ("url", *_URL_VARIABLES)}
        if url is None:
            return others
        return others | {_URL_VARIABLES[0]: SecretStr(url) if isinstance(url, str) else url}

    @field_validator("url")
    @classmethod
    def _is_a_redis_url(cls, url: SecretStr) -> SecretStr:
        parse(url.get_secret_value())
        return url
