"""What Acme provides to cachekit."""

from cachekit import hookimpl
from cachekit.contracts import BackendSpec, CompressorSpec, SerializerSpec


def settings():
    from .settings import AcmeSettings

    return AcmeSettings


def create(settings):
    from .backend import AcmeBackend  # the driver is imported here, not above

    return AcmeBackend(settings.directory)


def create_serializer(settings):
    from .values import AcmeJson

    return AcmeJson()


def create_compressor(settings):
    from .values import AcmeZlib

    return AcmeZlib()


@hookimpl
def cachekit_register_backends():
    return [
        BackendSpec(name="acme", api_version=1, factory=create, settings=settings, variables=("ACME_DIRECTORY",)),
        BackendSpec(name="acme-spare", api_version=1, factory=create, settings=settings),
    ]


@hookimpl
def cachekit_register_serializers():
    return [SerializerSpec(name="acme-json", api_version=1, factory=create_serializer)]


@hookimpl
def cachekit_register_compressors():
    return [CompressorSpec(name="acme-zlib", api_version=1, factory=create_compressor)]
