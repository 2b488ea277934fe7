"""How much work a request is, in Python instructions: the same figure on every run, however busy the machine.

`python tests/bench/instructions.py` prints the table, `--write` keeps it as what `test_instructions.py` allows,
`--where posts` says which functions the instructions of one operation are in. Figures are ratios to a bare ASGI
app on the same server, counted in the same run, so that they hold for other versions of Python. Work inside C
extensions does not count: profile that.
"""

import argparse
import asyncio
import gc
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import wire  # noqa: E402 - the file is also run as a script

BUDGET = Path(__file__).with_suffix(".json")
POLICIES = ("unshared", "cached")
_WARM = 12
_OURSELVES = frozenset({str(Path(wire.__file__)), __file__})
_STANDARD = str(Path(asyncio.__file__).parents[1])


class Count:
    """Counts instructions, function by function; those of this folder and of the standard library do not count."""

    def __init__(self) -> None:
        self.functions: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All of them."""
        return self.functions.total()

    async def of(self, awaitable: Awaitable[Any]) -> None:
        """Count until *awaitable* is done."""
        gc.collect()
        gc.disable()
        sys.settrace(self._enter)
        try:
            await awaitable
        finally:
            sys.settrace(None)
            gc.enable()

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        if file in _OURSELVES or (file.startswith(_STANDARD) and "site-packages" not in file):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._each

    def _each(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "opcode":
            code = frame.f_code
            file = code.co_filename.partition("site-packages/")[2] or code.co_filename.removeprefix(f"{ROOT}/")
            self.functions[f"{file}:{getattr(code, 'co_qualname', code.co_name)}"] += 1
        return self._each


async def counted(one: wire.Wire, query: str) -> Count:
    """Return the count of the cheapest of some equal requests, once everything about *query* is known."""
    for _ in range(_WARM):
        body = await one.ask(query)
    assert b"errors" not in body, body
    counts = []
    for _ in range(3):
        count = Count()
        await count.of(one.ask(query))
        counts.append(count)
    return min(counts, key=lambda count: count.total)


async def ratios() -> dict[str, dict[str, float]]:
    """Return, for each policy and operation, how many times the work of a bare ASGI app it is."""
    wire.quiet()
    bare = (await counted(wire.Wire(wire.bare), wire.OPERATIONS["greet"])).total
    table: dict[str, dict[str, float]] = {}
    for policies in POLICIES:
        with tempfile.TemporaryDirectory() as folder:
            async with wire.serving(policies, Path(folder)) as one:
                table[policies] = {
                    name: round((await counted(one, query)).total / bare, 2)
                    for name, query in wire.OPERATIONS.items()
                }
    return table


async def _where(policies: str, operation: str, most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with wire.serving(policies, Path(folder)) as one:
            count = await counted(one, wire.OPERATIONS[operation])
    print(f"{count.total} instructions for {operation} ({policies})")
    for name, number in count.functions.most_common(most):
        print(f"{number:7} {name}")


def main() -> None:
    """Print, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the figures as the budget")
    parser.add_argument(
        "--where", choices=wire.OPERATIONS, help="which functions an operation's instructions are in"
    )
    parser.add_argument("--policies", choices=POLICIES, default="unshared", help="for --where")
    parser.add_argument("--most", type=int, default=40, help="for --where: so many functions")
    options = parser.parse_args()
    if options.where:
        uvloop.run(_where(options.policies, options.where, options.most))
        return
    table = {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "ratios": uvloop.run(ratios())}
    print(json.dumps(table, indent=2))
    if options.write:
        BUDGET.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
