"""A plugin that returns a sequence of no specs."""

from cachekit import hookimpl


@hookimpl
def cachekit_register_compressors():
    return [{"name": "nonsense-specs"}]
