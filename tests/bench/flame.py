"""Draws where the time of a request goes: `python tests/bench/flame.py [--operation home] [--out FILE.svg]`.

A timer of the processor's time looks at the stack while one process answers the same request over and over, as
`wire.py` says. There is no client in the picture and little of the kernel; what takes width takes time.
"""

import argparse
import html
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Self

import uvloop

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import wire  # noqa: E402 - the file is also run as a script

OUT = ROOT / "bff" / "execution" / "flame.svg"
_WIDTH, _ROW = 1200, 17
_NARROWEST = 0.004
"""Of all samples: what takes less is not drawn."""

_STANDARD = Path(html.__file__).parents[1]
_OURS = ("bff/", "<compiled", "uvicorn/")
_COLOURS = {
    "bff/": "#f2a65a",
    "<compiled": "#e4572e",
    "uvicorn": "#9bb1d4",
    "asyncio": "#c9ced6",
    "msgspec": "#7fb685",
}
_FONT = 'font-family="monospace" font-size="10"'
_OTHERS = "#e3d7c5"


class Frame:
    """A function, how many samples were in it or below, and what it called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.samples = 0
        self.below: dict[str, Frame] = {}

    def add(self, stack: list[str], samples: int) -> None:
        """Count *samples* of *stack*, outermost first."""
        self.samples += samples
        if stack:
            self.below.setdefault(stack[0], Frame(stack[0])).add(stack[1:], samples)

    def depth(self, least: float) -> int:
        """Return how many rows it takes to draw it."""
        return 1 + max((one.depth(least) for one in self.below.values() if one.samples >= least), default=0)


class Sampler:
    """Looks at the stack after each *interval* seconds of the processor's time."""

    def __init__(self, interval: float = 0.001) -> None:
        self._interval = interval
        self.root = Frame("a request")

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, self._interval, self._interval)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        stack: list[str] = []
        while frame is not None and frame.f_code.co_filename not in {__file__, wire.__file__}:
            stack.append(_named(frame))
            frame = frame.f_back
        places = [place for place, name in enumerate(stack) if name.startswith(_OURS)]
        if places:
            self.root.add(stack[places[-1] :: -1], 1)


def _named(frame: FrameType) -> str:
    code = frame.f_code
    file = code.co_filename.rpartition("site-packages/")[2].removeprefix(f"{ROOT}/").removeprefix(f"{_STANDARD}/")
    return f"{file} {getattr(code, 'co_qualname', code.co_name)}"


async def sampled(policies: str, operation: str, seconds: float) -> Frame:
    """Answer *operation* for so many *seconds* and return where the time went."""
    wire.quiet()
    with tempfile.TemporaryDirectory() as folder:
        async with wire.serving(policies, Path(folder)) as one:
            for _ in range(100):
                await one.ask(wire.OPERATIONS[operation])
            until = time.perf_counter() + seconds
            with Sampler() as sampler:
                while time.perf_counter() < until:
                    await one.ask(wire.OPERATIONS[operation])
    return sampler.root


def svg(root: Frame, title: str) -> str:
    """Return the picture of *root*."""
    least = root.samples * _NARROWEST
    height = (root.depth(least) + 2) * _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
        f'<rect width="100%" height="100%" fill="#fffdf8"/><text x="6" y="12">{html.escape(title)}</text>',
    ]

    def box(frame: Frame, x: float, y: int) -> None:
        width = frame.samples / root.samples * _WIDTH
        colour = next((fill for start, fill in _COLOURS.items() if frame.name.startswith(start)), _OTHERS)
        share = f"{frame.name}: {frame.samples / root.samples:.1%}"
        text = frame.name.rpartition(" ")[2] if width < 300 else frame.name
        shown = html.escape(text[: int(width / 6.1)]) if width > 20 else ""
        parts.append(
            f'<g><title>{html.escape(share)}</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.4, 0.2):.1f}"'
            f' height="{_ROW - 1}" fill="{colour}"/><text x="{x + 3:.1f}" y="{y + 12}">{shown}</text></g>'
        )
        for one in sorted(frame.below.values(), key=lambda below: -below.samples):
            if one.samples >= least:
                box(one, x, y + _ROW)
                x += one.samples / root.samples * _WIDTH

    box(root, 0, _ROW)
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Sample and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operation", choices=wire.OPERATIONS, default="posts")
    parser.add_argument("--policies", choices=("shared", "unshared", "cached"), default="unshared")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    root = uvloop.run(sampled(options.policies, options.operation, options.seconds))
    title = f"{options.operation} ({options.policies}): where the time of one request goes, {root.samples} samples"
    options.out.write_text(svg(root, title), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
