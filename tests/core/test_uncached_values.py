"""A value that a serializer cannot write is returned uncached: counted each time, and said once with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from forms import BulkVerbs, warnings_of
from hostile import Sealing

pytest_plugins = ("ways",)


class Unknown:
    """Of no serializer's types, and not to be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("a secret")


CASES = {
    "std": (Unknown, {"serializer": "std"}, "serializer="),
    "auto": (Unknown, {"serializer": "auto"}, "serializer="),
    "arrow": (Unknown, {"serializer": "arrow"}, "serializer='auto'"),
    "orjson": (Unknown, {"serializer": "orjson"}, "use the serializer `std`"),
    "msgspec": (Unknown, {"serializer": "msgspec"}, "the serializer `std` may take it"),
    "pickle": (Unknown, {"serializer": "pickle", "encryptor": Sealing()}, "pickle cannot take"),
    "orjson, a tuple": (lambda: (1,), {"serializer": "orjson"}, "use the serializer `std`"),
    "msgspec, a tuple": (lambda: (1,), {"serializer": "msgspec"}, "use the serializer `std`"),
    "arrow, a list": (lambda: [1], {"serializer": "arrow"}, "serializer='auto'"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_encoded_is_returned_uncached(way, caplog, name):
    """Three calls run three times, store nothing, count three, and log one line; none of its contents are in it."""
    make, options, remedy = CASES[name]
    backend, ran = BulkVerbs(), []

    def body(_: Any) -> Any:
        ran.append(make())
        return ran[-1]

    function = way.cached(body, backend=backend, l1_enabled=False, ttl=60, **options)
    assert [function() for _ in range(3)] == ran
    assert len(ran) == 3
    assert [key for key in backend.entries if ":m:" not in key] == []
    assert (function.info.uncacheable, function.info.misses, function.info.hits) == (3, 3, 0)
    (said,) = warnings_of(caplog)
    assert "function" in said
    assert type(ran[0]).__qualname__ in said
    assert remedy in said
    assert "secret" not in said
