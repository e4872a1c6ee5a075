"""The conformance suite: a backend that passes it keeps the contract of `cachekit.contracts.Backend`."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import inspect
import sys
from typing import Any

try:
    import pytest
except ModuleNotFoundError as missing:
    raise ImportError("cachekit.testing.BackendSuite needs pytest; install it with: pip install 'cachekit-core[testing]'") from missing

# Before these are imported: afterwards pytest could no longer explain their asserts, and would warn.
_PARTS = {f"cachekit.testing.{part}" for part in ("_storing", "_naming", "_sharing")}
pytest.register_assert_rewrite(*(_PARTS - sys.modules.keys()))

from ._naming import KeyCases  # noqa: E402
from ._sharing import CloseCases, ConcurrencyCases, ForkCases, LoopCases  # noqa: E402
from ._storing import BulkReadCases, TtlCases, ValueCases, VerbCases  # noqa: E402

_GUARD = "test_no_standard_test_is_overridden"


class BackendSuite(VerbCases, TtlCases, ValueCases, KeyCases, BulkReadCases, ConcurrencyCases, LoopCases, ForkCases, CloseCases):
    """Subclass it with one fixture, `backend`, and pytest holds your backend to the contract.

    The fixture returns a new backend for each test: some tests close it. Leftovers in the store do
    not matter, as each test makes keys of its own; whoever wants a clean store cleans it before `yield`.

    Every case runs with the plain verbs and, for an `AsyncBackend`, with the async ones. A case for a
    capability that the backend does not offer is reported as skipped, with the capability's name.

    A standard test may not be replaced, unless what replaces it carries
    ``@pytest.mark.xfail(reason="...")``: `test_no_standard_test_is_overridden` names what was.

    Where time can be injected, override `advance(backend, seconds)` to move it: the TTL tests then
    wait for nothing. Otherwise they really wait, a fraction of a second each.

    Example:
        >>> import pytest
        >>> from cachekit.testing import BackendSuite, MemoryBackend
        >>> class TestMemory(BackendSuite):
        ...     @pytest.fixture
        ...     def backend(self):
        ...         backend = MemoryBackend()
        ...         yield backend
        ...         backend.close()
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if _standard(cls, _GUARD) is not _standard(BackendSuite, _GUARD):
            raise TypeError(f"{cls.__name__}.{_GUARD}: this test guards the others, and cannot be overridden")

    def test_no_standard_test_is_overridden(self) -> None:
        """A standard test that was replaced or removed without a reasoned xfail fails here, by name."""
        silenced = [name for name in _protected() if _is_silenced(type(self), name)]
        assert not silenced, (
            f"{type(self).__name__} overrides {', '.join(silenced)}; a standard test may be replaced "
            'only by one marked @pytest.mark.xfail(reason="...") that says why'
        )


def _standard(cls: type, name: str) -> Any:
    return inspect.getattr_static(cls, name, None)


def _protected() -> list[str]:
    return [name for name in dir(BackendSuite) if name.startswith("test_")] + ["verbs", "bulk", "closed"]


def _is_silenced(cls: type, name: str) -> bool:
    mine = _standard(cls, name)
    if mine is _standard(BackendSuite, name):
        return False
    marks = getattr(mine, "pytestmark", [])
    return not any(mark.name == "xfail" and str(mark.kwargs.get("reason") or "").strip() for mark in marks)
