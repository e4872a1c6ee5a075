"""Keys: two of them are never one, whatever they are made of."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import pytest

from cachekit.errors import BackendError

from ._cases import Cases
from ._driving import Verbs

LONG = "x" * 9_999

PLAIN_PAIRS = {
    "case": ("Name", "name"),
    "separators": ("a:b", "a/b"),
    "dot-dot": ("../name", "name"),
    "deep-dot-dot": ("../../../../../../tmp/name", "tmp/name"),
    "percent": ("a%2Fb", "a/b"),
    "braces": ("{a}b", "{b}a"),
    "wildcard": ("na*", "name"),
    "leading-dash": ("-name", "name"),
}
"""Printable ASCII, at most 250 bytes: such keys core makes, and every backend takes them."""

ODD_PAIRS = {
    "trailing-space": ("name ", "name"),
    "inner-space": ("na me", "na  me"),
    "newline": ("name\n", "name"),
    "injected-command": ("name\r\nflush_all\r\n", "name"),
    "nul": ("name\0a", "name\0b"),
    "trailing-nul": ("name\0", "name"),
    "unicode": ("schlüssel-钥匙-🔑", "schl?ssel-??-?"),
    "unicode-forms": ("\u00e9", "e\u0301"),
    "unicode-case": ("ß", "ss"),
    "lone-surrogate": ("\ud800", "?"),
    "251-bytes": ("y" * 251, "y" * 250),
    "10000-last-differs": (LONG + "1", LONG + "2"),
    "10000-first-differs": ("1" + LONG, "2" + LONG),
}
"""Anything else works, or is refused; it never finds another key's value."""


class KeyCases(Cases):
    """Which key finds which value."""

    def test_a_key_of_250_printable_bytes_works(self, verbs: Verbs) -> None:
        """The longest key core makes, of every printable ASCII character but the space, is one key."""
        printable = "".join(map(chr, range(33, 127)))
        key = (self.key() + printable + "k" * 250)[:249]
        verbs.set(key + "1", b"one")
        verbs.set(key + "2", b"two")
        assert (verbs.get(key + "1"), verbs.get(key + "2")) == (b"one", b"two")
        assert verbs.delete(key + "1") is True
        assert (verbs.exists(key + "1"), verbs.exists(key + "2")) == (False, True)

    @pytest.mark.parametrize("pair", PLAIN_PAIRS)
    def test_plain_keys_are_told_apart(self, verbs: Verbs, pair: str) -> None:
        """Two printable keys are two entries, however alike they look to a file system or a server."""
        self._tell_apart(verbs, *PLAIN_PAIRS[pair], may_refuse=())

    @pytest.mark.parametrize("pair", ODD_PAIRS)
    def test_odd_keys_are_told_apart_or_refused(self, verbs: Verbs, pair: str) -> None:
        """Any other text is a key of its own or an error, and the backend works on."""
        self._tell_apart(verbs, *ODD_PAIRS[pair], may_refuse=(BackendError, ValueError))
        after = self.key("after")
        verbs.set(after, b"after")
        assert verbs.get(after) == b"after"

    def _tell_apart(self, verbs: Verbs, first: str, second: str, *, may_refuse: tuple[type[Exception], ...]) -> None:
        # Once with what tells them apart at the end of the key, once at its very beginning.
        mine = self.key("")
        for one, two in ((mine + first, mine + second), (f"{first}{mine}", f"{second}{mine}")):
            values = {}
            for key, value in ((one, b"one"), (two, b"two")):
                try:
                    verbs.set(key, value, 60.0)
                except may_refuse:
                    continue
                values[key] = value
            for key in (one, two):
                try:
                    stored = verbs.get(key)
                except may_refuse:
                    assert key not in values, "a key that could be set could not be read"
                else:
                    assert stored == values.get(key)
            if one in values:
                assert verbs.delete(one) is True
                if two in values:
                    assert verbs.get(two) == b"two", "deleting one key removed the other"
