"""A plugin that cannot be imported."""

raise OSError("libbroken.so.4 not found")
