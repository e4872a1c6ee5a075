"""How cachekit finds the backend."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import cachekit_redis
from cachekit_redis import plugin


def test_the_spec(backend: cachekit_redis.RedisBackend) -> None:
    """The distribution registers one backend, named redis, with its variables, usable unconfigured."""
    (entry,) = entry_points(group="cachekit", name="redis")
    (spec,) = entry.load().cachekit_register_backends()
    assert (spec.name, spec.variables, spec.shared_variables, spec.works_unconfigured) == (
        "redis",
        ("CACHEKIT_REDIS_URL",),
        ("REDIS_URL",),
        True,
    )
    assert spec.settings is not None
    assert spec.settings() is cachekit_redis.RedisBackendConfig
    made = spec.factory(backend._config)
    made.set("k", b"v", None)
    assert made.get("k") == b"v"
    made.close()


def test_discovery_imports_no_driver() -> None:
    """To find and register the backend imports neither a driver nor pydantic nor asyncio."""
    program = (
        "import sys, cachekit_redis, cachekit_redis.plugin as p; p.cachekit_register_backends();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'redis', 'pydantic', 'pydantic_settings', 'asyncio'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names() -> None:
    """The package has the names it lists, and no other appears by itself."""
    assert {getattr(cachekit_redis, name).__name__ for name in cachekit_redis.__all__} == set(cachekit_redis.__all__)
    assert not hasattr(cachekit_redis, "Redis")
    assert plugin.__doc__
