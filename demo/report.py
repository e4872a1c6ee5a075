"""What a run came to: as a table with a few sentences, or as JSON. Every number was measured in the run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .passes import AT_ONCE, Pass
from .place import Place
from .source import Measures, Module

_LAYOUT = "{:<31}{:>11}{:>11}{:>11}{:>14}{:>9}{:>9}{:>8}"
_HEADINGS = ("", "all calls", "per call", "speed-up", "function ran", "L1 hits", "L2 hits", "misses")
_TITLES = {
    "cold": "cold: nothing is stored",
    "from L1": "again: L1, this memory",
    "from L2": "L1 cleared: L2, the backend",
    "second process": "second process: through L2",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that is reported. *seconds* are the whole run's; *logged* is what cachekit logged in both processes."""

    place: Place
    modules: Sequence[Module]
    values: Sequence[Measures]
    passes: Sequence[Pass]
    logged: Sequence[str]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether every pass returned the same values, of the same types."""
        return len({each.fingerprint for each in self.passes}) == 1

    @property
    def backend_errors(self) -> int:
        return sum(each.backend_errors for each in self.passes)

    def find(self, style: str, name: str) -> Pass:
        return next(each for each in self.passes if (each.style, each.name) == (style, name))

    def speed_up(self, each: Pass) -> float:
        """How much sooner than the cold pass of its style."""
        return self.find(each.style, "cold").seconds / each.seconds


def as_json(run: Run) -> str:
    passes = [{**asdict(each), "speed_up": round(run.speed_up(each), 2)} for each in run.passes]
    return json.dumps(
        {
            "backend": asdict(run.place),
            "modules": len(run.modules),
            **_totals(run.values),
            "passes": passes,
            "equal": run.equal,
            "backend_errors": run.backend_errors,
            "logged": list(run.logged),
            "seconds": round(run.seconds, 3),
        },
        indent=2,
    )


def as_text(run: Run) -> str:
    lines = ["", _found(run), "", f"L1 is a process's own memory. L2 is what processes share, here {run.place.name}.", ""]
    for style, how in (("sync", "one call after the other"), ("async", f"{AT_ONCE} calls at a time")):
        lines.append(_LAYOUT.format(f"{style}, {how}", *_HEADINGS[1:]).rstrip())
        lines += [_row(run, each) for each in run.passes if each.style == style]
        lines.append("")
    return "\n".join([*lines, *_shown(run), "", *_next_steps(run)])


def _row(run: Run, each: Pass) -> str:
    return _LAYOUT.format(
        f"  {_TITLES[each.name]}",
        _duration(each.seconds),
        _duration(each.seconds / each.calls),
        f"{run.speed_up(each):,.1f} x",
        each.ran,
        each.l1_hits,
        each.l2_hits,
        each.misses,
    )


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def _totals(values: Sequence[Measures]) -> dict[str, int]:
    return {
        "lines": sum(each["lines"] for each in values),
        "classes": sum(each["classes"] for each in values),
        "functions": sum(len(each["complexity"]) for each in values),
        "imports": len({name for each in values for name in each["imports"]}),
    }


def _found(run: Run) -> str:
    totals = _totals(run.values)
    most, function, path = max(
        (
            (count, function, module.path)
            for module, each in zip(run.modules, run.values, strict=True)
            for function, count in each["complexity"].items()
        ),
        default=(0, "none", "-"),
    )
    return (
        f"Measured {len(run.modules)} modules of the standard library: {totals['lines']:,} lines, {totals['functions']:,} functions, "
        f"{totals['classes']:,} classes, {totals['imports']:,} different imports.\n"
        f"The most complex function is {function.partition(':')[0]} in {Path(path).name}, with a cyclomatic complexity of {most}."
    )


def _shown(run: Run) -> list[str]:
    """What the numbers say; nothing is claimed that this run did not show."""
    cold, warm, second = (run.find("sync", name) for name in ("cold", "from L1", "second process"))
    lines = ["What this shows"]
    if not warm.ran:
        # Cold calls that waited for a broken backend would flatter the warm ones.
        faster = "" if run.backend_errors else f", {run.speed_up(warm):,.0f} times sooner than cold"
        lines.append(f"- Asked again, L1 had every value{faster}.")
    if not second.ran:
        lines.append(
            "- A second process, with nothing in memory, did not run the function once: L2 had every value.\n"
            f"  That took {_duration(second.seconds)}, the first call, which opens the backend, {_duration(second.first_seconds)} of it; "
            f"cold took {_duration(cold.seconds)}."
        )
    if not any(each.l1_hits or each.l2_hits for each in run.passes):
        lines.append("- The cache answered no call: every pass ran the function. Is CACHEKIT_ENABLED=false set?")
    if run.backend_errors:
        lines.append(
            f"- {run.backend_errors} operations of the backend failed. They were counted, and each call still returned\n"
            "  the function's value: a cache that fails never fails your function."
        )
    same = "the same values, of the same types" if run.equal else "DIFFERENT values: this is a defect, please report it"
    lines.append(f"- All {len(run.passes)} passes returned {same}.")
    if not run.place.problem:
        lines += [f"- cachekit logged: {text}" for text in dict.fromkeys(run.logged)]
    return [*lines, f"The whole run took {run.seconds:.1f} s."]


def _next_steps(run: Run) -> list[str]:
    command = "hatch run demo" if "HATCH_ENV_ACTIVE" in os.environ else "python -m demo"
    lines = ["Try next", f"  {command} --modules 50    a smaller run", f"  {command} --json          the same numbers for a program"]
    if run.place.kind == "file":
        lines.append(f"  REDIS_URL=redis://localhost:6379/0 {command}    L2 in a Redis server, if you have one")
    return [*lines, "  and read demo/cached.py: the two functions, and all that caching them took."]
