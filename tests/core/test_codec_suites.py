"""The suites for serializers and compressors catch what they promise to catch, and let sound codecs through.

In `trials/`, each `Broken…` class is a suite over a codec with one fault and names the tests that must notice
it; each `Sound…` class must pass. One pytest process runs them all, with this repository's own settings.
"""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest

from cachekit.testing import CompressorSuite, SerializerSuite
from core.trials import codecs, compressors, reading, serializers

ROOT = Path(__file__).parents[2]
ROOMS = (serializers, reading, compressors, codecs)
BROKEN = {f"{room.__name__.rpartition('.')[2]}.{name}": suite for room in ROOMS for name, suite in vars(room).items() if "Broken" in name}
SOUND = [f"codecs.{name}" for name in vars(codecs) if name.startswith("Sound")]


class Outcome(dict):
    """What became of one suite's tests, by name without parameters: a failure's or a skip's text, or nothing."""

    def failed(self):
        return {name for name, texts in self.items() if any(kind != "skipped" for kind in texts)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, Outcome]:
    """The suites above, run by a pytest of their own: the sound ones whole, of the broken ones what must notice."""
    report = tmp_path_factory.mktemp("suites") / "report.xml"
    files = {suite: sys.modules[suite.__module__].__file__ for suite in BROKEN.values()}
    chosen = [f"{files[suite]}::{suite.__name__}::{test}" for suite in BROKEN.values() for test in suite.noticed_by]
    chosen += [f"{codecs.__file__}::{name.partition('.')[2]}" for name in SOUND]
    options = ["-q", "-p", "no:cacheprovider", "-o", "python_classes=Broken* Sound*", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *chosen]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr[-3000:]
    found: dict[str, Outcome] = defaultdict(Outcome)
    for case in ElementTree.parse(report).iter("testcase"):
        texts = found[".".join(case.get("classname", "").split(".")[-2:])].setdefault(case.get("name", "").partition("[")[0], {})
        texts.update({child.tag: f"{child.get('message', '')}\n{child.text}" for child in case})
    return found


@pytest.mark.parametrize("suite", BROKEN)
def test_a_fault_is_noticed(outcomes, suite):
    """A codec with one fault fails the tests that are about it."""
    assert not set(BROKEN[suite].noticed_by) - outcomes[suite].failed()


@pytest.mark.parametrize("suite", SOUND)
def test_a_sound_codec_passes(outcomes, suite):
    """What keeps the contract fails nothing, whatever it leaves out."""
    assert not outcomes[suite].failed(), outcomes[suite]
    assert len(outcomes[suite]) > 10


def test_every_standard_test_notices_a_fault():
    """No test of either suite is there for show: each is failed by one of the broken codecs."""
    standard = {name for suite in (SerializerSuite, CompressorSuite) for name in dir(suite) if name.startswith("test_")}
    assert {test for suite in BROKEN.values() for test in suite.noticed_by} == standard


def test_a_serializer_with_every_capability_skips_nothing(outcomes):
    """The capabilities are looked for as core looks for them."""
    assert not any("skipped" in texts for texts in outcomes["codecs.SoundOffering"].values())


def test_a_skip_names_the_capability(outcomes):
    """What a serializer does not offer is reported, by the protocol's name."""
    texts = {name: kinds["skipped"] for name, kinds in outcomes["codecs.SoundJson"].items() if "skipped" in kinds}
    assert "not for Json: it does not offer the capability BufferedSerializer" in texts["test_a_view_is_read_as_its_bytes"]
    assert "capability AnnotatedSerializer" in texts["test_an_annotation_keeps_the_name"]
    assert "capability PlainReads" in texts["test_plain_values_are_read_as_they_were"]


def test_a_serializer_of_authenticated_bytes_is_excused_from_hostile_ones(outcomes):
    """And from nothing else."""
    outcome = outcomes["codecs.SoundPickle"]
    excused = {name for name, texts in outcome.items() if "needs_authentication" in texts.get("skipped", "")}
    assert excused == {
        reading.DAMAGED,
        reading.FOREIGN,
        "test_deeply_nested_bytes_are_a_value_or_a_decode_error",
        "test_reading_runs_no_code",
        "test_errors_show_nothing_of_the_value",
    }


TOLD = {
    ("codecs.BrokenByOverriding", GUARD := codecs.GUARD[0]): "BrokenByOverriding overrides test_a_value_comes_back_as_it_was;",
    ("codecs.BrokenByAFixture", GUARD): "BrokenByAFixture overrides promised;",
    ("codecs.BrokenByNoSerializer", "test_dumps_returns_bytes"): "BrokenByNoSerializer has no `serializer` fixture",
    ("codecs.BrokenByNoCompressor", "test_both_ways_return_bytes"): "BrokenByNoCompressor has no `compressor` fixture",
    ("codecs.BrokenByNoValues", "test_a_value_comes_back_as_it_was"): "BrokenByNoValues.values is empty",
    ("codecs.BrokenByAnArgument", "test_two_instances_read_each_others_bytes"): "define a fixture `another`",
    ("serializers.BrokenTuples", "test_odd_values_come_back_or_are_refused"): "tuple, deeper: came back as another dict",
    (
        "reading.BrokenByValueError",
        reading.DAMAGED,
    ): "of type NoneType, cut to 0 of 4 bytes: raised JSONDecodeError, not DecodeError",
    ("reading.BrokenHang", reading.FOREIGN): "loads of nothing: not done after 0.2 s",
    ("reading.BrokenNestingFatal", "test_deeply_nested_bytes_are_a_value_or_a_decode_error"): "ended with exit code -6",
    ("reading.BrokenMemory", reading.FOREIGN): "took more than 512 MiB of memory",
    ("compressors.BrokenBomb", "test_a_bomb_is_refused_in_little_memory"): "refusing a bomb that claims 4096 bytes took ",
    ("compressors.BrokenHugeSize", "test_a_huge_size_is_refused"): "as 8589934592 bytes: raised MemoryError, not DecodeError",
}


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case[0])
def test_a_failure_says_what_was_wrong(outcomes, case):
    """With which value or bytes, and how; or what to write in the suite."""
    suite, test = case
    assert TOLD[case] in "".join(outcomes[suite][test].values())


@pytest.mark.parametrize("suite", [SerializerSuite, CompressorSuite])
def test_the_guard_itself_cannot_be_overridden(suite):
    """A suite that replaces the guard does not even become a class."""
    with pytest.raises(TypeError, match="test_no_standard_test_is_overridden: this test guards the others"):
        type("Unguarded", (suite,), {"test_no_standard_test_is_overridden": lambda self: None})


@pytest.mark.parametrize("suite", ["SerializerSuite", "CompressorSuite"])
def test_without_pytest_the_error_says_what_to_install(suite):
    """The suite needs the extra, and says so in one line."""
    code = f"import sys; sys.modules['pytest'] = None\nfrom cachekit.testing import {suite}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr.strip().endswith(
        f"ImportError: cachekit.testing.{suite} needs pytest; install it with: pip install 'cachekit-core[testing]'"
    )


def test_the_how_tos_codecs_pass(tmp_path):
    """The examples in the docs work as written: the serializer, the compressor, and the suites over them."""
    page = (ROOT / "docs/how-to/write-a-plugin.md").read_text()
    (tmp_path / "test_page.py").write_text("\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "-rx",
        str(tmp_path),
    ]
    run = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "XFAIL test_page.py::TestSlow::test_callers_at_once_get_their_own_data" in run.stdout
