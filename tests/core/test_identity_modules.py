"""Functions of modules and of programs: which name tells them apart, and which does not."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from cachekit_file import FileBackend, FileBackendConfig
from corpus import exactly


@pytest.fixture
def load(tmp_path):
    """Imports a module of this source; its functions decorate with `cached`."""
    numbers = itertools.count()
    names = []

    def loaded(source, backend, name=None):
        name = name or f"loaded_{next(numbers)}"
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        spec = importlib.util.spec_from_file_location(name, file)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        names.append(name)
        module.cached = cache(backend=backend)
        spec.loader.exec_module(module)
        return module

    yield loaded
    for name in names:
        sys.modules.pop(name, None)


def assert_own_values(*functions, args=()):
    """Each cached function gives what it gives without the cache, whoever was called before."""
    for function in (*functions, *functions):
        assert exactly(function(*args)) == exactly(function.__wrapped__(*args))


SEVERAL = """
results = []
for _ in (1,):
    @cached
    def _(x): return ("first", x)
    results.append(_)
    @cached
    def _(x): return ("second", x)
    results.append(_)
    @cached
    def _(x): return ("second", x, None)
    results.append(_)
    @cached
    def _(x):
        try:
            a = int(x)
            b = chr(a)
        except ValueError:
            return 0
        return b
    results.append(_)
    @cached
    def _(x):
        try:
            a = int(x)
        except ValueError:
            return 0
        else:
            b = chr(a)
        return b
    results.append(_)
"""


def test_functions_of_one_name_in_one_module_are_told_apart(load):
    """As with `def _(...)` registered one after the other."""
    results = load(SEVERAL, MemoryBackend()).results
    assert_own_values(*results, args=(65,))


def test_functions_that_differ_only_in_what_a_try_covers_are_told_apart(load):
    """Their instructions are the same; the table of exceptions beside them is not."""
    narrow, wide = load(SEVERAL, MemoryBackend()).results[:2:-1]
    with pytest.raises(ValueError, match="chr"):
        narrow(-1)
    assert wide(-1) == 0
    assert narrow.key(1) != wide.key(1)


def test_a_name_in_two_modules_is_two_functions(load):
    """The module is part of the identity."""
    source, backend = "@cached\ndef f(x): return __name__", MemoryBackend()
    assert_own_values(load(source, backend).f, load(source, backend).f, args=(1,))


def test_a_function_defined_anew_is_another_function(load):
    """A reload with other code does not serve what the old code computed; the same code does."""
    backend = MemoryBackend()
    before = load("@cached\ndef f(x): return 'before'", backend, "reloaded_module").f
    assert before(1) == "before"
    after = load("@cached\ndef f(x): return 'after'", backend, "reloaded_module").f
    assert after(1) == "after"
    again = load("@cached\ndef f(x): return 'after'", backend, "reloaded_module").f
    assert again(1) == "after"
    assert again.cache_info().l2_hits == 1


SCRIPT = """
import sys
from cachekit_file import FileBackend, FileBackendConfig
from cachekit import cache

VALUE = {value!r}  # the code of both programs' functions is the same

backend = FileBackend(FileBackendConfig(cache_dir=sys.argv[1]))

@cache(backend=backend)
def answer(x):
    return VALUE

@cache(backend=backend)
async def later(x):
    return VALUE

class Thing:
    def __cache_key__(self):
        return 1

    @cache(backend=backend)
    def name(self):
        return VALUE

import asyncio
print(answer(1), asyncio.run(later(1)), Thing().name())
print(answer.cache_info().misses + later.cache_info().misses + Thing.name.cache_info().misses)
backend.close()
"""


def ran(*command, cwd, seed="random"):
    """The lines that a program printed, in a process of its own."""
    environment = os.environ | {"PYTHONHASHSEED": seed}
    run = subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_two_programs_that_share_a_backend_share_no_entries(tmp_path):
    """Both are `__main__`, with functions and classes of the same names."""
    store = str(tmp_path / "store")
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(SCRIPT.format(value=name))
    assert ran("one.py", store, cwd=tmp_path) == ["one one one", "3"]
    assert ran("two.py", store, cwd=tmp_path) == ["two two two", "3"]
    assert ran("one.py", store, cwd=tmp_path) == ["one one one", "0"]


def test_a_program_hits_its_entries_however_it_is_started(tmp_path):
    """By name, by path, through a link, with another hash seed: it is the same file."""
    store = str(tmp_path / "store")
    (tmp_path / "one.py").write_text(SCRIPT.format(value="one"))
    (tmp_path / "link.py").symlink_to(tmp_path / "one.py")
    assert ran("one.py", store, cwd=tmp_path) == ["one one one", "3"]
    for started in ("./one.py", str(tmp_path / "one.py"), "link.py"):
        for seed in ("0", "1"):
            assert ran(started, store, cwd=tmp_path, seed=seed) == ["one one one", "0"]


def test_a_module_run_as_a_program_is_that_module(tmp_path):
    """`python -m package.module` is named so, and not `__main__`; another package's is another."""
    store = str(tmp_path / "store")
    for package in ("one", "two"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "job.py").write_text(SCRIPT.format(value=package))
    assert ran("-m", "one.job", store, cwd=tmp_path) == ["one one one", "3"]
    assert ran("-m", "two.job", store, cwd=tmp_path) == ["two two two", "3"]
    assert ran("-m", "one.job", store, cwd=tmp_path) == ["one one one", "0"]


TYPED = """
import sys
from cachekit_file import FileBackend, FileBackendConfig
from cachekit import cache
backend = FileBackend(FileBackendConfig(cache_dir=sys.argv[1]))
answer = cache(backend=backend)(lambda x: {value!r})
print(answer(1), answer.cache_info().misses)
backend.close()
"""


def test_typed_programs_are_told_apart_by_their_code(tmp_path):
    """`python -c` has neither file nor name."""
    store = str(tmp_path / "store")
    assert ran("-c", TYPED.format(value="one"), store, cwd=tmp_path) == ["one 1"]
    assert ran("-c", TYPED.format(value="two"), store, cwd=tmp_path) == ["two 1"]
    assert ran("-c", TYPED.format(value="one"), store, cwd=tmp_path) == ["one 0"]


CONDITIONAL = """
import sys
from cachekit_file import FileBackend, FileBackendConfig
from cachekit import cache
backend = FileBackend(FileBackendConfig(cache_dir=sys.argv[1]))
if len(sys.argv) == 3:
    @cache(backend=backend)
    def _(x):
        return "first"
    first = _
    print(first(1))
@cache(backend=backend)
def _(x):
    return "second"
print(_(1))
backend.close()
"""


def test_functions_of_one_name_are_told_apart_whichever_a_process_defines(tmp_path):
    """Which `_` came first in another process, or before a deploy, is nobody's identity."""
    store = str(tmp_path / "store")
    (tmp_path / "program.py").write_text(CONDITIONAL)
    assert ran("program.py", store, "both", cwd=tmp_path) == ["first", "second"]
    assert ran("program.py", store, cwd=tmp_path) == ["second"]


def test_a_module_function_is_found_again_by_another_import(load, tmp_path):
    """A second import of the same code hits what the first stored, through a backend opened anew."""
    source = "@cached\ndef f(x): return x"
    for hits in (0, 1):
        backend = FileBackend(FileBackendConfig(cache_dir=tmp_path / "store"))
        function = load(source, backend, "imported_again").f
        assert function(1) == 1
        assert function.cache_info().l2_hits == hits
        backend.close()
