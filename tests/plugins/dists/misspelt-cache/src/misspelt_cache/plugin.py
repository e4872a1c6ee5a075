"""A plugin that misspells its hook: backend, not backends."""

from cachekit import hookimpl
from cachekit.contracts import BackendSpec


@hookimpl
def cachekit_register_backend():
    return [BackendSpec(name="misspelt", api_version=1, factory=lambda settings: None)]
