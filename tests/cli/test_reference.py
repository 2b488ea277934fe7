"""The printed pages say what the code says."""

import re
from pathlib import Path

import pytest

from bff.cli.reference import pages
from bff.codes import Code
from bff.server.statuses import STATUSES, refused_status

ROOT = Path(__file__).parents[2]
PAGES = pages(ROOT)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_printed_file_is_what_the_code_says(path):
    """After a change: `make reference`."""
    assert path.read_text("utf-8") == PAGES[path]


def test_every_code_is_explained_once():
    page = PAGES[ROOT / "bff/ERRORS.md"]

    assert [page.count(f"| `{code}` |") for code in Code] == [1] * len(Code)


def test_the_statuses_of_a_bad_request_are_those_that_the_edge_answers():
    """400 for what is no JSON, 422 for JSON that is no request: clients that read the page see either."""
    page = PAGES[ROOT / "bff/ERRORS.md"]
    row = next(line for line in page.splitlines() if line.startswith("| `BAD_REQUEST`"))
    answered = {STATUSES[Code.BAD_REQUEST].of(mode) for mode in ("draft", "classic")}
    answered |= {refused_status(Code.BAD_REQUEST, mode) for mode in ("draft", "classic")}

    assert {int(number) for number in re.findall(r"\b4\d\d\b", row)} == answered
