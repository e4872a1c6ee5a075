"""The conformance suite for serializers: one that passes it keeps the contract of `cachekit.contracts.Serializer`."""

from __future__ import annotations

import sys

try:
    import pytest
except ModuleNotFoundError as missing:
    raise ImportError("cachekit.testing.SerializerSuite needs pytest; install it with: pip install 'cachekit-core[testing]'") from missing

# Before these are imported: afterwards pytest could no longer explain their asserts, and would warn.
_PARTS = {f"cachekit.testing.{part}" for part in ("_codecs", "_guarding", "_hostile_cases", "_round_trips", "_serializing")}
pytest.register_assert_rewrite(*(_PARTS - sys.modules.keys()))

from ._guarding import Guarded  # noqa: E402
from ._hostile_cases import HostileCases  # noqa: E402
from ._round_trips import RefusalCases, RoundTripCases  # noqa: E402
from ._serializing import AnnotationCases, BufferCases, PlainReadCases, SharingCases  # noqa: E402

_FIXTURES = ("promised", "declined", "exposed", "buffered", "annotated")


class SerializerSuite(
    RoundTripCases,
    RefusalCases,
    HostileCases,
    SharingCases,
    BufferCases,
    AnnotationCases,
    PlainReadCases,
    Guarded,
    fixtures=_FIXTURES,
):
    """Subclass it with one fixture, `serializer`, and pytest holds your serializer to the contract.

    More to say, each as a class attribute (a tuple or a list) or as a fixture:

    - `values`: what it promises to give back exactly. By default what JSON has: None, bool, int of 64 bits,
      float, str, list, dict with text keys.
    - `refused`: what it refuses, alone and within other values. By default what no bytes give back: a bare
      object, a generator, a lock, a lambda, a module.

    And as a fixture `another`, a second instance, if the type cannot be called without arguments; as a method
    `same(left, right)`, if ``==`` does not tell whether one of your values is another again; and as a class
    attribute `patience`, the seconds (30) after which one step is called hung.

    All else may come back or be refused, but nothing may come back as something else. Bytes from outside
    give a value or a `DecodeError`; a serializer with ``needs_authentication = True`` is excused from these.
    A case for a capability that the serializer does not offer is reported as skipped, with its name.

    A standard test may not be replaced, unless what replaces it carries
    ``@pytest.mark.xfail(reason="...")``: `test_no_standard_test_is_overridden` names what was.

    Example:
        >>> import pytest
        >>> from cachekit.builtin.std import StdSerializer
        >>> from cachekit.testing import SerializerSuite
        >>> class TestStd(SerializerSuite):
        ...     values = (1, "text", (1, {2}))
        ...
        ...     @pytest.fixture
        ...     def serializer(self):
        ...         return StdSerializer()
    """
