"""Build every distribution and check what would be published.

Each wheel holds its package's files and nothing else, says in its metadata what its
`pyproject.toml` says, comes out the same from its sdist, and works from that wheel: core
alone, and each backend beside core alone, by name.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from contextlib import ExitStack
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

from build import DISTRIBUTIONS, ROOT, build, build_all

sys.path.append(str(ROOT / "tests"))
from servers import RedisServer

CORE = "cachekit-core"

ALONE = """
import cachekit
from cachekit import cache
from cachekit.errors import UnknownPluginError
@cache(backend=None)
def double(n):
    return 2 * n
assert (double(4), double(4), double.cache_info().l1_hits) == (8, 8, 1)
assert cachekit.plugin_failures() == ()
try:
    cache(backend="redis")
except UnknownPluginError as error:
    assert "pip install cachekit-redis" in str(error), error
else:
    raise AssertionError("a backend that is not installed was accepted")
"""

BESIDE_CORE = """
import asyncio, cachekit, sys
from cachekit import cache
assert cachekit.plugin_failures() == (), cachekit.plugin_failures()
@cache(backend=sys.argv[1])
def double(n):
    return 2 * n
@cache(backend=sys.argv[1])
async def treble(n):
    return 3 * n
assert (double(4), asyncio.run(treble(4))) == (8, 12)
cache.clear_l1()
assert (double(4), asyncio.run(treble(4))) == (8, 12)
for info in (double.cache_info(), treble.cache_info()):
    assert (info.l2_hits, info.misses, info.backend_errors) == (1, 1, 0), info
cache.close()
"""


def expect(fact: str, found: Any, expected: Any) -> None:
    """End the script unless *found* is as *expected*."""
    if found != expected:
        raise SystemExit(f"{fact}:\n  expected {expected}\n  found    {found}")


def check_contents(source: Path, wheel: Path) -> None:
    """The wheel's files are the package's, byte for byte, and the metadata's."""
    expected = {
        path.relative_to(source / "src").as_posix(): path.read_bytes()
        for path in (source / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as opened:
        found = {name: opened.read(name) for name in opened.namelist()}
    metadata = {name: content for name, content in found.items() if name.split("/")[0].endswith(".dist-info")}
    package = {name: content for name, content in found.items() if name not in metadata}
    expect(f"{wheel.name}: files", sorted(package), sorted(expected))
    expect(f"{wheel.name}: files with other contents", [name for name in package if package[name] != expected[name]], [])
    (top,) = {name.split("/")[0] for name in package}
    expect(f"{wheel.name}: a top-level package", top, "cachekit" if source.name == CORE else source.name.replace("-", "_"))
    expect(f"{wheel.name}: py.typed", f"{top}/py.typed" in package, True)
    names = {name.partition("/")[2] for name in metadata}
    expect(f"{wheel.name}: metadata files", names - {"entry_points.txt"}, {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"})


def check_metadata(source: Path, wheel: Path) -> None:
    """The wheel's metadata says what the project's table says."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel) as opened:
        folder = next(name.split("/")[0] for name in opened.namelist() if ".dist-info/" in name)
        built = PathDistribution(zipfile.Path(opened, folder + "/"))
        metadata, requires = built.metadata, built.requires or []
        entry_points = {(entry.group, entry.name, entry.value) for entry in built.entry_points}
    for field in ("name", "version", "requires-python"):
        expect(f"{wheel.name}: {field}", metadata[field], project[field])
    extras = project.get("optional-dependencies", {})
    expect(f"{wheel.name}: extras", set(metadata.get_all("provides-extra") or ()), set(extras))
    expect(f"{wheel.name}: requirements", sorted(r for r in requires if "extra ==" not in r), sorted(project["dependencies"]))
    # An extra that names other extras of its own project is written out by the builder.
    wanted = {f"{r}; extra == '{extra}'" for extra, listed in extras.items() for r in listed if not r.startswith(project["name"] + "[")}
    expect(f"{wheel.name}: requirements of extras that are missing", sorted(wanted - set(requires)), [])
    expected = {(group, name, value) for group, table in project.get("entry-points", {}).items() for name, value in table.items()}
    expect(f"{wheel.name}: entry points", entry_points, expected)


def check_sdist(sdist: Path, wheel: Path, folder: Path) -> None:
    """The sdist holds no tests, and builds the wheel again."""
    with tarfile.open(sdist) as opened:
        inside = {name.split("/")[1] for name in opened.getnames() if "/" in name}
    allowed = {"src", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    expect(f"{sdist.name}: contents beyond {sorted(allowed)}", sorted(inside - allowed), [])
    build(sdist, folder, "--wheel")
    expect(f"{sdist.name}: builds the same wheel", (folder / wheel.name).read_bytes() == wheel.read_bytes(), True)


def check_works(folder: Path, wheels: list[Path], program: str, *arguments: str, **environ: str) -> None:
    """*program* runs where just these wheels, and what they require, are installed."""
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *map(str, wheels)], check=True)
    ran = subprocess.run([str(python), "-I", "-c", program, *arguments], env=environ, capture_output=True, text=True, check=False)
    expect(f"{', '.join(wheel.name for wheel in wheels)}: installed alone\n{ran.stderr}", ran.returncode, 0)


def main() -> None:
    """Build into a folder of its own, and check."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cachekit-wheels-")))
        server = stack.enter_context(RedisServer())
        environ = {"CACHEKIT_REDIS_URL": server.url, "CACHEKIT_FILE_CACHE_DIR": str(folder / "files")}
        build_all(folder / "dist")
        wheels = {source: next((folder / "dist").glob(f"{source.name.replace('-', '_')}-*.whl")) for source in DISTRIBUTIONS}
        core = next(wheel for source, wheel in wheels.items() if source.name == CORE)
        for source, wheel in wheels.items():
            check_contents(source, wheel)
            check_metadata(source, wheel)
            check_sdist(wheel.with_name(wheel.name.replace("-py3-none-any.whl", ".tar.gz")), wheel, folder / "again")
            if source.name == CORE:
                check_works(folder / source.name, [core], ALONE)
            else:
                check_works(folder / source.name, [core, wheel], BESIDE_CORE, source.name.removeprefix("cachekit-"), **environ)
            print(f"{wheel.name}: as its source says, and works when installed", flush=True)


if __name__ == "__main__":
    main()
