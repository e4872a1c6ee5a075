"""A plugin that takes the names of others: a backend of acme-cache's, and a serializer of core's."""

from cachekit import hookimpl
from cachekit.contracts import BackendSpec, SerializerSpec


def create(settings):
    raise AssertionError("duplicate-cache was used")


@hookimpl
def cachekit_register_backends():
    return [BackendSpec(name="acme-spare", api_version=1, factory=create)]


@hookimpl
def cachekit_register_serializers():
    return [SerializerSpec(name="std", api_version=1, factory=create)]
