"""The MessagePack extension types of the `std` serializer; docs/reference/serializers.md says what each holds."""

from __future__ import annotations

import pathlib

TUPLE, SET, FROZENSET, BYTEARRAY, DICT, INT, COMPLEX, DECIMAL, UUID = range(1, 10)
DATETIME, DATE, TIME, TIMEDELTA, TIMEZONE, ZONEINFO, PATH, ENUM, TEXT, RANGE = range(10, 20)

PATHS: dict[str, type[pathlib.PurePath]] = {
    cls.__name__: cls for cls in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath)
}
