"""What the README shows, works."""

import asyncio
import re
from pathlib import Path

from bff.testing import fault_kinds as kinds

README = Path(kinds.__file__).with_name("README.md").read_text(encoding="utf-8")


async def test_its_example_runs(fake_upstream, virtual_clock):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}

    exec(compile(block, "README.md", "exec"), names)
    test = names["test_a_failed_call_is_sent_again"]

    async with asyncio.timeout(5):
        await test(fake_upstream)


def test_it_names_every_kind():
    """A kind that nobody can find is of no use."""
    missing = [name for name in kinds.KINDS if f"`{name}`" not in README]

    assert missing == []
