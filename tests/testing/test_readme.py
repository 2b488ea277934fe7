"""What the README shows, works."""

import asyncio
import re
from pathlib import Path

from bff.testing import fault_kinds as kinds

README = Path(kinds.__file__).with_name("README.md").read_text(encoding="utf-8")


async def test_its_examples_run(fake_upstream, virtual_clock):
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)

    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    async with asyncio.timeout(30):
        for test in tests:
            await test(fake_upstream)


def test_it_names_every_kind():
    """A kind that nobody can find is of no use."""
    missing = [name for name in kinds.KINDS if f"`{name}`" not in README]

    assert missing == []
