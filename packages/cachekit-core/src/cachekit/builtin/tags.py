"""The MessagePack extension types of the `std` serializer; docs/reference/serializers.md says what each holds.

A *leaf* carries its value in its payload. A *mark* is empty and stands first in an array, and
says what the rest of the array is: so nothing is nested as bytes in bytes, and one bounded
pass reads everything.
"""

from __future__ import annotations

import pathlib

TUPLE, SET, FROZENSET, BYTEARRAY, DICT, INT, COMPLEX, DECIMAL, UUID = range(1, 10)
DATETIME, DATE, TIME, TIMEDELTA, TIMEZONE, ZONEINFO, PATH, ENUM, TEXT, RANGE = range(10, 20)
TYPED = 20  # an instance of an annotated class: name, fields (, more state)
NDARRAY, NUMPY_SCALAR, ARROW = range(32, 35)  # `auto` only

MARKS = frozenset({TUPLE, SET, FROZENSET, DICT, DATETIME, DATE, TIME, TIMEDELTA, TIMEZONE, PATH, ENUM, RANGE})

PATHS: dict[str, type[pathlib.PurePath]] = {
    cls.__name__: cls for cls in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath)
}
