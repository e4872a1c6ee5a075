"""Python's pickle: any object, for entries that nobody else can write."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from ..errors import DecodeError, SerializationError


class PickleSerializer:
    """Whatever pickle takes; only together with an encryptor, since reading a pickle runs what its writer put there.

    An entry comes back only where its classes can be imported, and only if they still have the
    form they were stored with. What comes back is not compared with what was stored.

    Example:
        >>> from cachekit.serializers import PickleSerializer
        >>> serializer = PickleSerializer()
        >>> serializer.loads(serializer.dumps(range(3)))
        range(0, 3)
    """

    name = "pickle"
    needs_authentication: ClassVar[bool] = True
    """Reading runs code, so whoever can write to the backend could run theirs."""

    def dumps(self, value: Any) -> bytes:
        try:
            return pickle.dumps(value, protocol=5)
        # Any class may bring its own `__reduce__`, which may raise anything.
        except Exception as error:  # noqa: BLE001
            raise SerializationError(f"pickle cannot take a {type(value).__qualname__}: {type(error).__name__}") from None

    def loads(self, data: bytes) -> Any:
        try:
            return pickle.loads(data)  # noqa: S301 - authenticated before it comes here
        # A class that is gone or has changed may raise anything.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"pickle: {type(error).__name__}") from None
