"""Draws what `bff.testing.simulation.metastable` finds: `python tests/pipeline_simulation/draw_metastable.py`.

The picture is SVG with text, readable on light and dark pages.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bff.testing.simulation.metastable import (  # noqa: E402 - found by the path above
    BEFORE,
    DEFAULTS,
    NAIVE,
    OUTAGE,
    Curve,
    curve,
    world,
)
from bff.testing.simulation.world import simulate  # noqa: E402 - as above

PICTURE = ROOT / "bff/testing/simulation/metastable.svg"

_WIDTH, _LEFT, _RIGHT = 860, 70, 20
_PANEL, _GAP, _TOP = 170, 64, 100
_HEIGHT = _TOP + 2 * _PANEL + _GAP + 62
_SMOOTH = 3

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 } .small { font-size: 12px }
  .page { fill: #ffffff } .axis { stroke: #59636e; fill: none } .grid { stroke: #d1d9e0; fill: none }
  .outage { fill: #818b98; fill-opacity: .18 }
  .capacity { stroke: #59636e; stroke-dasharray: 6 4; fill: none }
  .ours { stroke: #0550ae; fill: none; stroke-width: 2 } .ours-text { fill: #0550ae }
  .naive { stroke: #bc4c00; fill: none; stroke-width: 2 } .naive-text { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .page { fill: #0d1117 } .axis { stroke: #9198a1 } .grid { stroke: #30363d }
    .capacity { stroke: #b7bdc8 } .ours { stroke: #79c0ff } .ours-text { fill: #79c0ff }
    .naive { stroke: #ffa657 } .naive-text { fill: #ffa657 }
  }
"""


class _Panel:
    """One diagram over the time of the run."""

    def __init__(self, top: float, seconds: int, highest: float) -> None:
        self.top = top
        self._seconds = seconds
        self._highest = highest

    def x(self, second: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * second / self._seconds

    def y(self, value: float) -> float:
        return self.top + _PANEL * (1 - value / self._highest)

    def frame(self, heading: str, step: int) -> list[str]:
        left, right = self.x(0), self.x(self._seconds)
        low, high = self.x(BEFORE), self.x(BEFORE + OUTAGE)
        parts = [
            f'<text x="{left}" y="{self.top - 10}" class="head">{heading}</text>',
            f'<rect class="outage" x="{low:.1f}" y="{self.top}" width="{high - low:.1f}" height="{_PANEL}"/>',
        ]
        for value in range(0, int(self._highest) + 1, step):
            y = self.y(value)
            parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
            parts.append(f'<text class="small" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
        parts.append(f'<path class="axis" d="M{left} {self.top}V{self.top + _PANEL}H{right}"/>')
        return parts

    def seconds(self) -> list[str]:
        base = self.top + _PANEL
        return [
            f'<text class="small" x="{self.x(at):.1f}" y="{base + 18}" text-anchor="middle">{at}</text>'
            for at in range(0, self._seconds + 1, 30)
        ]

    def line(self, values: Sequence[float], style: str) -> str:
        points = " ".join(f"{self.x(at + 0.5):.1f},{self.y(value):.1f}" for at, value in enumerate(values))
        return f'<polyline class="{style}" points="{points}"/>'

    def capacity(self, value: float, words: str) -> list[str]:
        y = self.y(value)
        return [
            f'<path class="capacity" d="M{self.x(0)} {y:.1f}H{self.x(self._seconds)}"/>',
            f'<text class="small" x="{self.x(0) + 6}" y="{y - 6:.1f}">{words}</text>',
        ]


def draw(ours: Curve, naive: Curve) -> str:
    """Return the picture of both curves as SVG."""
    seconds = min(len(ours.asked), len(naive.asked))
    load = _Panel(_TOP, seconds, max(naive.asked) * 1.05)
    gain = _Panel(_TOP + _PANEL + _GAP, seconds, ours.capacity * 1.2)
    high = load.x(BEFORE)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"',
        f' aria-label="{_SAID}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="28">{_TITLE}</text>',
        *load.frame("Requests a second that reach the service", _step(max(naive.asked))),
        *load.capacity(naive.capacity, f"capacity: {naive.capacity:.0f} a second"),
        load.line(_smooth(naive.asked[:seconds]), "naive"),
        load.line(_smooth(ours.asked[:seconds]), "ours"),
        f'<text class="small" x="{high + 8:.1f}" y="{load.top + 16}">{_OUTAGE}</text>',
        *_legend(),
        *gain.frame("Calls a second that succeed", _step(ours.capacity)),
        gain.line(_smooth(naive.answered[:seconds]), "naive"),
        gain.line(_smooth(ours.answered[:seconds]), "ours"),
        *load.seconds(),
        *gain.seconds(),
        f'<text class="small" x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">seconds</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


_TITLE = "200 replicas, one service, one outage: who comes back without help?"
_OUTAGE = f"outage of {OUTAGE:.0f} s; at its end the cache is wiped"
_SAID = (
    "Two line charts over time. With our defaults load falls below capacity soon after the outage and calls "
    "succeed again; with naive settings load stays at many times the capacity and no call succeeds."
)


def _legend() -> list[str]:
    words = [
        ("ours", "our defaults: 1 repetition, budget, breaker"),
        ("naive", "naive: 3 repetitions, no budget, no breaker"),
    ]
    parts, x = [], float(_LEFT)
    for style, text in words:
        parts.append(f'<path class="{style}" d="M{x} 50H{x + 26}"/>')
        parts.append(f'<text class="{style}-text" x="{x + 34}" y="54">{text}</text>')
        x += 350
    return parts


def _step(highest: float) -> int:
    """Return a round distance between grid lines, for three to seven of them."""
    wanted = highest / 6
    return next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if step >= wanted)


def _smooth(values: Sequence[int]) -> list[float]:
    """Return means over a few seconds, so that chance does not hide the shape."""
    return [
        sum(part) / len(part)
        for at in range(len(values))
        if (part := values[max(0, at - _SMOOTH // 2) : at + _SMOOTH // 2 + 1])
    ]


def main() -> None:
    """Run both worlds in full and write the picture."""
    curves = [curve(simulate(world(policy))) for policy in (DEFAULTS, NAIVE)]
    PICTURE.write_text(draw(*curves), encoding="utf-8")


if __name__ == "__main__":
    main()
