"""A plugin that forgot to mark its hook."""


def cachekit_register_backends():
    return []
