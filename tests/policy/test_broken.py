"""A broken policy file is answered by what is wrong, where, and what to write; `broken/` holds both.

`REWRITE_EXPECTED=1 pytest tests/policy/test_broken.py` writes the answers anew; read their diff before committing.
"""

import os
import re
from pathlib import Path

import pytest

from bff.policy.load import read

BROKEN = Path(__file__).parent / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))
PLACES = {
    "upstream": "upstreams/catalog.yaml",
    "defaults": "defaults.yaml",
    "client": "clients/mobile.yaml",
    "clients": "clients/default.yaml",
    "network": "network.yaml",
    "console": "console.yaml",
    "auth": "auth.yaml",
}


@pytest.fixture
def answer(tmp_path):
    """Return what loading says about a file that stands alone in a directory, with paths as a user sees them."""

    def say(file: Path) -> str:
        place = tmp_path / "policies" / PLACES.get(file.stem.split("-")[0], "operations.yaml")
        place.parent.mkdir(parents=True)
        place.write_bytes(file.read_bytes())
        text = "".join(f"{problem}\n" for problem in read(tmp_path / "policies").problems)
        return text.replace(f"{tmp_path.as_posix()}/", "")

    return say


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_is_answered_as_expected(file, answer):
    """Whoever is on call reads this at night: the message has to suffice."""
    expected = file.with_suffix(".txt")

    said = answer(file)

    if os.environ.get("REWRITE_EXPECTED"):
        expected.write_text(said, "utf-8")
    assert said == expected.read_text("utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_message_names_a_place_that_exists(file, answer):
    """An editor that jumps to the place must not land beyond the end of the file."""
    lines = file.read_bytes().count(b"\n") + 1

    places = re.findall(r"^policies/[a-z/]+\.yaml:(\d+):(\d+): \S", answer(file), flags=re.MULTILINE)

    assert places
    assert all(1 <= int(line) <= lines and int(column) >= 1 for line, column in places)


def test_there_are_many_ways_to_be_wrong():
    """The collection must not shrink unnoticed, nor keep answers whose file is gone."""
    assert len(FILES) >= 80
    assert {file.stem for file in FILES} == {file.stem for file in BROKEN.glob("*.txt")}
