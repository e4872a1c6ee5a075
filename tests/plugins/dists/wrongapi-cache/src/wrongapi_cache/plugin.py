"""A plugin of the future."""

from cachekit import hookimpl
from cachekit.contracts import BackendSpec


@hookimpl
def cachekit_register_backends():
    return [BackendSpec(name="wrongapi", api_version=99, factory=lambda settings: None)]
