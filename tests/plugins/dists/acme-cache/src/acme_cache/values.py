"""Acme's own ways to write values."""

import json
import zlib

from cachekit.errors import DecodeError, SerializationError


class AcmeJson:
    name = "acme-json"

    def dumps(self, value: object) -> bytes:
        text = json.dumps(value)
        if json.loads(text) != value:
            raise SerializationError(f"JSON would change a {type(value).__qualname__}")
        return text.encode()

    def loads(self, data: bytes) -> object:
        try:
            return json.loads(data)
        except ValueError as error:
            raise DecodeError("not JSON") from error


class AcmeZlib:
    name = "acme-zlib"

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes, size: int) -> bytes:
        try:
            restored = zlib.decompressobj().decompress(data, size)
        except zlib.error as error:
            raise DecodeError("not zlib") from error
        if len(restored) != size:
            raise DecodeError("wrong size")
        return restored
