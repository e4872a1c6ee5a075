"""Suites that leave standard tests out, each with the test that must notice it."""

from __future__ import annotations

import pytest

from cachekit.testing import BackendSuite
from core.trials.trial import Trial

GUARD = ("test_no_standard_test_is_overridden",)


class BrokenByOverriding(Trial):
    noticed_by = GUARD

    def test_set_overwrites(self):
        pass


class BrokenByRemoving(Trial):
    noticed_by = GUARD
    test_set_overwrites = None


class BrokenByAnEmptyReason(Trial):
    noticed_by = GUARD

    @pytest.mark.xfail(reason=" ", strict=False)
    def test_set_overwrites(self):
        pass


class BrokenBySkipping(Trial):
    noticed_by = GUARD

    @pytest.mark.skip(reason="not today")
    def test_set_overwrites(self):
        pass


class BrokenByAFixture(Trial):
    noticed_by = GUARD

    @pytest.fixture(params=["sync"])
    def verbs(self):
        return None


class Easier:
    def test_set_overwrites(self):
        pass


class BrokenByAMixin(Easier, Trial):
    noticed_by = GUARD


class BrokenByNoFixture(BackendSuite):
    noticed_by = ("test_set_overwrites", "test_the_five_verbs_are_there")
