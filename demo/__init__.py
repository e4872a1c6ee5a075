"""cachekit at work on real input: the standard library's own source, measured module by module.

`cached` holds what a user of cachekit writes; the other rooms run it and report what happened.
"""
