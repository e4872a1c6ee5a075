"""Bars as SVG, in small panels that share one scale."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _NUMBER, _BAR, _STEP, _HEAD = 760, 92, 56, 14, 20, 34
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 }
  .bar { fill: #9aa4b2 }
  .ours { fill: #1a7f5a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #6e7a8a }
    .ours { fill: #3fb68b }
  }
"""


def panels(title: str, figures: Mapping[str, Mapping[str, float]], *, ours: str, unit: str, most: float) -> str:
    """Two columns of panels, one for each of *figures*: its name, and a bar for each library, cut off at *most*."""
    column = _WIDTH // 2
    height = [_HEAD + _STEP * len(bars) for bars in figures.values()]
    tops = [max(height[i : i + 2]) for i in range(0, len(height), 2)]
    drawn = [
        _panel(name, bars, x=column * (i % 2), y=sum(tops[: i // 2]), ours=ours, unit=unit, most=most)
        for i, (name, bars) in enumerate(figures.items())
    ]
    size = f'viewBox="0 0 {_WIDTH} {sum(tops) + 8}" width="{_WIDTH}" height="{sum(tops) + 8}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n'
    return head + "".join(drawn) + "</svg>\n"


def _panel(name: str, bars: Mapping[str, float], *, x: int, y: int, ours: str, unit: str, most: float) -> str:
    lines = [f'<text class="head" x="{x}" y="{y + 20}">{escape(name)}</text>\n']
    room = _WIDTH // 2 - _LABEL - _NUMBER - 24
    for i, (library, figure) in enumerate(sorted(bars.items(), key=lambda bar: bar[1])):
        top, length = y + _HEAD + _STEP * i, max(1.0, room * min(figure, most) / most)
        kind = "ours" if library == ours else "bar"
        lines += (
            f'<text x="{x}" y="{top + 11}">{escape(library)}</text>\n',
            f'<rect class="{kind}" x="{x + _LABEL}" y="{top}" width="{length:.0f}" height="{_BAR}" rx="2"/>\n',
            f'<text x="{x + _LABEL + length + 6:.0f}" y="{top + 11}">{figure:,.0f} {unit}</text>\n',
        )
    return "".join(lines)
