"""The conformance suite catches what it promises to catch, and lets sound backends through.

In `trials/`, each `Broken…` class is a suite over a backend with one fault and names the tests that must notice
it; each `Sound…` class must pass. One pytest process runs them all, with this repository's own settings.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cachekit.testing import BackendSuite
from core.trials import sharing, silenced, sound, storing, values_and_keys

ROOT = Path(__file__).parents[2]
BROKEN = {
    name: suite for room in (storing, values_and_keys, sharing, silenced) for name, suite in vars(room).items() if name.startswith("Broken")
}
SOUND = [name for name in vars(sound) if name.startswith("Sound")]


@dataclass
class Outcome:
    """What became of one suite's tests, by name without parameters."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)


def file_of(suite: type) -> str | None:
    return sys.modules[suite.__module__].__file__


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, Outcome]:
    """The suites above, run by a pytest of their own: the sound ones whole, of the broken ones what must notice."""
    report = tmp_path_factory.mktemp("suites") / "report.xml"
    chosen = [f"{file_of(suite)}::{name}::{test}" for name, suite in BROKEN.items() for test in suite.noticed_by]
    chosen.append(sound.__file__)
    options = ["-q", "-p", "no:cacheprovider", "-o", "python_classes=Broken* Sound*", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *chosen]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr[-3000:]
    found: dict[str, Outcome] = defaultdict(Outcome)
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = found[case.get("classname", "").rpartition(".")[2]]
        name = case.get("name", "").partition("[")[0]
        verdicts = {child.tag: child for child in case}
        problem = verdicts.get("failure", verdicts.get("error"))
        if problem is not None:
            outcome.failed.add(name)
            outcome.texts.setdefault(name, problem.text or "")
        elif "skipped" in verdicts:
            outcome.skipped.add(name)
            outcome.texts.setdefault(name, verdicts["skipped"].get("message", ""))
        else:
            outcome.passed.add(name)
    return found


@pytest.mark.parametrize("suite", BROKEN)
def test_a_fault_is_noticed(outcomes, suite):
    """A backend with one fault fails the tests that are about it."""
    missed = set(BROKEN[suite].noticed_by) - outcomes[suite].failed
    assert not missed


@pytest.mark.parametrize("suite", SOUND)
def test_a_sound_backend_passes(outcomes, suite):
    """What keeps the contract fails nothing, whatever it leaves out."""
    assert not outcomes[suite].failed, outcomes[suite].texts
    assert len(outcomes[suite].passed) > 20


def test_every_standard_test_notices_a_fault():
    """No test of the suite is there for show: each is failed by one of the broken backends."""
    standard = {name for name in dir(BackendSuite) if name.startswith("test_")}
    assert {test for suite in BROKEN.values() for test in suite.noticed_by} == standard


def test_the_reference_skips_nothing(outcomes):
    """A backend with every capability runs every test, sync and async."""
    assert not outcomes["SoundReference"].skipped


def test_a_skip_names_the_capability(outcomes):
    """What a backend does not offer is reported, by the protocol's name."""
    texts = outcomes["SoundFiveVerbs"].texts
    assert texts["test_get_many_of_nothing_is_nothing"] == "not for make: it does not offer the capability BulkReads"
    assert texts["test_after_close_every_verb_raises"] == "not for make: it does not offer the capability Closable"


def test_a_reasoned_xfail_is_accepted_and_reported(outcomes):
    """A known deviation is an expected failure with its reason, not a hole."""
    outcome = outcomes["SoundWithAReasonedXfail"]
    assert outcome.texts["test_set_overwrites"] == "the store keeps the first value; see its manual"
    assert "test_no_standard_test_is_overridden" in outcome.passed


def test_the_guard_names_the_overridden_test(outcomes):
    """Whoever overrides is told what, and how it may be done."""
    text = outcomes["BrokenByOverriding"].texts["test_no_standard_test_is_overridden"]
    assert "BrokenByOverriding overrides test_set_overwrites;" in text
    assert '@pytest.mark.xfail(reason="...")' in text


def test_a_failure_shows_both_values(outcomes):
    """pytest explains the suite's asserts as it does those of a test file."""
    text = outcomes["BrokenValue"].texts["test_set_overwrites"]
    assert "assert b'first!' == b'first'" in text


def test_a_failure_in_a_forked_child_is_told(outcomes):
    """The parent reports what the child raised, how it exited, or that it hung."""
    raised, ended = (
        outcomes[name].texts["test_a_forked_child_and_its_parent_both_work"] for name in ("BrokenForkRefused", "BrokenForkFatal")
    )
    hung = outcomes["BrokenForkLock"].texts["test_a_fork_while_threads_use_the_backend_hangs_nobody"]
    assert "RuntimeError: made in another process" in raised
    assert "ended with exit code 7" in ended
    assert "hung: not done after 1 s, and was killed" in hung


def test_a_missing_fixture_is_told(outcomes):
    """A suite without a backend says which fixture to write."""
    assert "BrokenByNoFixture has no `backend` fixture" in outcomes["BrokenByNoFixture"].texts["test_set_overwrites"]


def test_the_guard_itself_cannot_be_overridden():
    """A suite that replaces the guard does not even become a class."""
    with pytest.raises(TypeError, match="test_no_standard_test_is_overridden: this test guards the others"):

        class Unguarded(BackendSuite):
            def test_no_standard_test_is_overridden(self):
                pass


def test_without_pytest_the_error_says_what_to_install():
    """The suite needs the extra, and says so in one line."""
    code = "import sys; sys.modules['pytest'] = None\nfrom cachekit.testing import BackendSuite"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr.strip().endswith(
        "ImportError: cachekit.testing.BackendSuite needs pytest; install it with: pip install 'cachekit-core[testing]'"
    )


def test_the_how_tos_plugin_is_registered_and_passes(tmp_path):
    """The example in the docs works as written: its entry point, its hook, its settings, its verbs."""
    page = (ROOT / "docs/how-to/write-a-backend.md").read_text()
    for name, text in re.findall(r"^`(\S+)`\n\n```\w+\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    code = (
        f"import sys, {project['entry-points']['cachekit']['acme']} as plugin; assert 'acme_cache.backend' not in sys.modules\n"
        "(spec,) = plugin.cachekit_register_backends(); print(spec.factory(spec.settings()()).health_check())"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "ACME_CACHE_FOLDER": str(tmp_path)}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert made.stdout == f"(True, {{'folder': '{tmp_path}'}})\n", made.stderr
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib", "tests"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
