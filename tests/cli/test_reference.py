"""The printed pages say what the code says."""

from pathlib import Path

import pytest

from bff.cli.reference import pages
from bff.codes import Code

ROOT = Path(__file__).parents[2]
PAGES = pages(ROOT)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_printed_file_is_what_the_code_says(path):
    """After a change: `make reference`."""
    assert path.read_text("utf-8") == PAGES[path]


def test_every_code_is_explained_once():
    page = PAGES[ROOT / "bff/ERRORS.md"]

    assert [page.count(f"| `{code}` |") for code in Code] == [1] * len(Code)
