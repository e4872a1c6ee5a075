"""Read a settings class from the environment; a bad value names its variable and what it takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TypeVar

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

from ..errors import ConfigurationError, shown

Settings = TypeVar("Settings", bound=BaseSettings)

_log = logging.getLogger("cachekit")
_pointed_out: set[str] = set()
# By class: the environment it was last made from, and what came of it. Each function reads the settings at its first call, and
# to make them takes a millisecond.
_loaded: dict[type[BaseSettings], tuple[tuple[tuple[str, str], ...], BaseSettings]] = {}


def load_settings(settings: type[Settings]) -> Settings:
    """Make *settings* from the environment.

    Parameters:
        settings: a pydantic-settings class.

    Returns:
        An instance.

    Raises:
        ConfigurationError: a variable is missing or bad. The text names the variable, what it
            got (never for a secret) and what it takes.

    Example:
        >>> from cachekit.config import CachekitConfig, load_settings
        >>> load_settings(CachekitConfig).compression_level
        6
    """
    environment = tuple(os.environ.items())
    known = _loaded.get(settings)
    if known is not None and known[0] == environment:
        return known[1]  # type: ignore[return-value]
    _point_out_misspelt(settings)
    try:
        loaded = settings()
        if settings.model_config.get("frozen"):
            _loaded[settings] = environment, loaded
        return loaded
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explained(settings, error))) from None
    except SettingsError as error:  # a variable that takes JSON, and is not
        names = [name for name in settings.model_fields if f'"{name}"' in str(error)]
        variables = [variable for name in names for variable in variables_of(settings, name, settings.model_fields[name])]
        raise ConfigurationError(
            f"{' or '.join(variables) or settings.__name__}: takes JSON, such as a list in brackets with its texts in double quotes"
        ) from None


def variables_of(settings: type[BaseSettings], name: str, field: FieldInfo) -> tuple[str, ...]:
    """The environment variables that field *name* reads, the strongest first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    if alias is not None:
        return (str(alias),)
    return (f"{settings.model_config.get('env_prefix', '')}{name}".upper(),)


def _explained(settings: type[BaseSettings], error: ValidationError) -> Iterator[str]:
    by_location = {
        str(location): name for name, field in settings.model_fields.items() for location in (name, *variables_of(settings, name, field))
    }
    for problem in error.errors(include_url=False, include_context=False):
        if not problem["loc"]:  # a rule between fields; its text names them
            yield problem["msg"].removeprefix("Value error, ")
            continue
        location = str(problem["loc"][0])
        name = by_location.get(location) or by_location.get(location.upper(), location)
        field = settings.model_fields[name]
        variables = variables_of(settings, name, field)
        variable = next((v for v in variables if os.environ.get(v)), variables[0])
        takes = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        about = f" ({field.description})" if field.description else ""
        got = "" if _is_secret(field) or problem["type"] == "missing" else f"={shown(problem['input'])}"
        yield f"{variable}{got}: takes {takes}{about}" if problem["type"] != "missing" else f"{variable} is not set{about}"


def _is_secret(field: FieldInfo) -> bool:
    return "Secret" in str(field.annotation)  # SecretStr, SecretBytes, Secret[...], and unions of them


def _point_out_misspelt(settings: type[BaseSettings]) -> None:
    """Say once that a CACHE_… variable is not read, when its CACHEKIT_… sister would be."""
    for name, field in settings.model_fields.items():
        for variable in variables_of(settings, name, field):
            misspelt = "CACHE_" + variable.removeprefix("CACHEKIT_")
            if variable.startswith("CACHEKIT_") and misspelt in os.environ and misspelt not in _pointed_out:
                _pointed_out.add(misspelt)
                _log.warning("%s is set but not read: cachekit's variables begin with CACHEKIT_; did you mean %s?", misspelt, variable)
