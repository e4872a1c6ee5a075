"""The hooks a plugin may implement, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .contracts import BackendSpec, CompressorSpec, EncryptorSpec, SerializerSpec

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker("cachekit")
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker("cachekit")


@hookspec
def cachekit_register_backends() -> Sequence[BackendSpec]:
    """The backends (L2 stores) this plugin provides."""
    return ()


@hookspec
def cachekit_register_serializers() -> Sequence[SerializerSpec]:
    """The serializers this plugin provides: values to bytes and back."""
    return ()


@hookspec
def cachekit_register_compressors() -> Sequence[CompressorSpec]:
    """The compressors this plugin provides: bytes to fewer bytes and back."""
    return ()


@hookspec
def cachekit_register_encryptors() -> Sequence[EncryptorSpec]:
    """The encryptors this plugin provides: bytes to sealed bytes and back."""
    return ()
