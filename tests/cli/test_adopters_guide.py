"""The page for adopters: what it adds to a new application passes tests and checks."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bff.cli.new import content, write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "bff" / "guides" / "adopters.md").read_text("utf-8")
BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+?)(?:, (.*?))?\n(.*?)```", re.DOTALL)
TESTS_AND_CHECK = """
import sys, pytest
code = pytest.main(["-q"])
from bff.cli.app import run
sys.exit(code or run(["check"]))
"""
ABOVE = {
    "beside the other imports": "from schema.ratings import Rating\n",
    "in Book": "    rating: Rating | None",
}
"""The line above which what the page says goes."""


def test_the_service_that_the_page_adds_works(tmp_path):
    texts = content({"name": "bookshop", "requirement": "bff"})
    for file, where, text in BLOCK.findall(PAGE):
        if where:
            before, mark, after = texts[file].partition(ABOVE[where])
            assert mark, f"{file} has no place {where}"
            texts[file] = before + text + mark + after
        else:
            texts[file] = text
    write(tmp_path, texts)

    done = subprocess.run(
        [sys.executable, "-P", "-c", TESTS_AND_CHECK],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("BFF_", "PYTEST_"))}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    assert "All is well" in done.stdout
