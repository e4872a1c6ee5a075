"""A suite's tests cannot be replaced in silence."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import inspect
from typing import Any, ClassVar

_GUARD = "test_no_standard_test_is_overridden"


class Guarded:
    """The last base of a suite, which passes ``fixtures``: those of its fixtures that may not be replaced either."""

    _suite: ClassVar[type]
    _protected: ClassVar[list[str]]

    def __init_subclass__(cls, *, fixtures: tuple[str, ...] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if fixtures is not None:
            cls._suite = cls
            cls._protected = [*(name for name in dir(cls) if name.startswith("test_")), *fixtures]
        elif _standard(cls, _GUARD) is not _standard(Guarded, _GUARD):
            raise TypeError(f"{cls.__name__}.{_GUARD}: this test guards the others, and cannot be overridden")

    def test_no_standard_test_is_overridden(self) -> None:
        """A standard test that was replaced or removed without a reasoned xfail fails here, by name."""
        silenced = [name for name in self._protected if self._is_silenced(name)]
        assert not silenced, (
            f"{type(self).__name__} overrides {', '.join(silenced)}; a standard test may be replaced "
            'only by one marked @pytest.mark.xfail(reason="...") that says why'
        )

    def _is_silenced(self, name: str) -> bool:
        mine = _standard(type(self), name)
        if mine is _standard(self._suite, name):
            return False
        marks = getattr(mine, "pytestmark", [])
        return not any(mark.name == "xfail" and str(mark.kwargs.get("reason") or "").strip() for mark in marks)


def _standard(cls: type, name: str) -> Any:
    return inspect.getattr_static(cls, name, None)
