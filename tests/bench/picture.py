"""Draws what the benchmark measured: `python tests/bench/picture.py RESULTS.json [--out FILE.svg]`.

A bar for each candidate in each scenario, in requests a second against the best of the other gateways. Those that
share calls in flight stand beside our sharing, the others beside ours off; limits are no gateways: they are grey.
"""

import argparse
import html
import json
import statistics
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".build" / "bench.svg"
SCENARIOS = {
    "greet": "a constant",
    "posts": "100 objects, one call",
    "nplus1": "100 objects, each with another",
    "biglist": "2,000 objects of 12 fields",
    "home": "a screen over seven endpoints",
    "degraded": "one endpoint hangs, one fails",
    "cached": "caches on",
}
COLOURS = {"bff": "#e4572e", "bff-unshared": "#f2a65a", "bff-router": "#f5c99b", "limit": "#c9ced6"}
_FONT = 'font-family="sans-serif" font-size="11"'
SHARING = "tailcall"
"""How the names of those peers begin that share calls in flight."""

PEER = "#5b7db1"
_WIDTH, _LABEL, _BAR, _GAP = 960, 170, 15, 26


def figures(files: list[Path]) -> dict[str, dict[str, float]]:
    """Return the median requests a second of each candidate in each scenario."""
    runs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        for row in json.loads(file.read_text(encoding="utf-8"))["rows"]:
            if "rps" in row:
                runs[row["scenario"]][row["candidate"]].append(row["rps"])
    return {
        scenario: {candidate: statistics.median(values) for candidate, values in runs[scenario].items()}
        for scenario in SCENARIOS
        if scenario in runs
    }


def svg(table: dict[str, dict[str, float]]) -> str:
    """Return the picture of *table*."""
    rows: list[str] = []
    y = 16
    for scenario, measured in table.items():
        peers = {name: value for name, value in measured.items() if not name.startswith(("bff", "limit"))}
        alone = {name: value for name, value in peers.items() if not name.startswith(SHARING)}
        widest = max(measured.values())
        title = f"{scenario}: {SCENARIOS[scenario]}"
        rows.append(f'<text x="4" y="{y}" font-weight="bold">{html.escape(title)}</text>')
        for name, value in sorted(measured.items(), key=lambda one: -one[1]):
            y += _BAR + 2
            width = value / widest * (_WIDTH - _LABEL - 200)
            colour = COLOURS["limit"] if name.startswith("limit") else COLOURS.get(name, PEER)
            ours = name.startswith("bff") and bool(peers)
            told = f"{value:,.0f}/s"
            if ours:
                among, words = (peers, "best peer") if name == "bff" else (alone, "best that shares nothing")
                told += f", {value / max(among.values(), default=value):.2f} x the {words}"
            rows.append(
                f'<text x="{_LABEL - 6}" y="{y + 4}" text-anchor="end">{html.escape(name)}</text>'
                f'<rect x="{_LABEL}" y="{y - 7}" width="{max(width, 1):.1f}" height="{_BAR - 2}" fill="{colour}"/>'
                f'<text x="{_LABEL + width + 6:.1f}" y="{y + 4}">{told}</text>'
            )
        y += _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" {_FONT}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *rows, "</svg>\n"])


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="files that the harness has written")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.write_text(svg(figures(options.results)), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
