"""A plugin that returns a string where specs are meant."""

from cachekit import hookimpl


@hookimpl
def cachekit_register_backends():
    return "nonsense"
