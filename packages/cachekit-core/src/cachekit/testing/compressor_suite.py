"""The conformance suite for compressors: one that passes it keeps the contract of `cachekit.contracts.Compressor`."""

from __future__ import annotations

import sys

try:
    import pytest
except ModuleNotFoundError as missing:
    raise ImportError("cachekit.testing.CompressorSuite needs pytest; install it with: pip install 'cachekit-core[testing]'") from missing

# Before these are imported: afterwards pytest could no longer explain their asserts, and would warn.
_PARTS = {f"cachekit.testing.{part}" for part in ("_codecs", "_compressing", "_guarding")}
pytest.register_assert_rewrite(*(_PARTS - sys.modules.keys()))

from ._compressing import DamageCases, RestoringCases, SharedCompressorCases, SizeCases  # noqa: E402
from ._guarding import Guarded  # noqa: E402


class CompressorSuite(RestoringCases, SizeCases, DamageCases, SharedCompressorCases, Guarded, fixtures=("pairs",)):
    """Subclass it with one fixture, `compressor`, and pytest holds your compressor to the contract.

    As a fixture `another` give a second instance, if the type cannot be called without arguments; as a class
    attribute `patience` the seconds (30) after which one step is called hung.

    Whatever `decompress` is given, it returns exactly `size` bytes or raises `DecodeError`, and it takes no more
    memory than that and a little: the suite measures it, in a forked child.

    A standard test may not be replaced, unless what replaces it carries
    ``@pytest.mark.xfail(reason="...")``: `test_no_standard_test_is_overridden` names what was.

    Example:
        >>> import pytest
        >>> from cachekit.builtin.zstd import ZstdCompressor
        >>> from cachekit.testing import CompressorSuite
        >>> class TestZstd(CompressorSuite):
        ...     @pytest.fixture
        ...     def compressor(self):
        ...         return ZstdCompressor()
    """
