"""`bff new`: what it writes is whole, passes its own tests and every check, and overwrites nothing."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bff.cli import new
from bff.cli.output import Unusable

ROOT = Path(__file__).parents[2]
TWO_COMMANDS = """
from bff.cli.app import run
run(["check", "--format", "json"])
run(["explain", "Shelf", "--without", "ratings", "--format", "json"])
"""
"""In one process, for half the time."""


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """Return the folder of a new application and what the command said."""
    folder = tmp_path_factory.mktemp("somewhere") / "Book Shop"
    done = run("-m", "bff.cli", "new", str(folder), cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def run(*arguments, cwd):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BFF_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=cwd,
        env={**environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_says_what_to_do_next(application):
    _, said = application

    assert said.startswith("book-shop: ")
    assert "\n  cd 'Book Shop'\n" in said
    assert re.search(r"bff dev +#", said)


def test_its_own_tests_pass_at_once(application):
    folder, _ = application

    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_check_finds_nothing_and_explain_knows_its_screen(application):
    folder, _ = application

    done = run("-c", TWO_COMMANDS, cwd=folder)

    checked, _, plan = done.stdout.partition("\n}\n")
    assert json.loads(checked + "}")["findings"] == []
    assert [total["endpoint"] for total in json.loads(plan)["totals"]] == ["books.all_books", "ratings.of_books"]
    assert [lost["path"] for lost in json.loads(plan)["outage"]["lost"]] == ["books[].rating"]


def test_style_and_types_are_clean_by_its_own_rules(application):
    folder, _ = application

    style = run("-m", "ruff", "check", "--no-cache", ".", cwd=folder)
    form = run("-m", "ruff", "format", "--no-cache", "--check", ".", cwd=folder)
    types = run("-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "new"), cwd=folder)

    assert (style.returncode, form.returncode, types.returncode) == (0, 0, 0), (
        style.stdout + form.stdout + types.stdout
    )


def test_pyproject_and_policies_name_what_is_there(application):
    folder, _ = application
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))

    assert project["project"]["name"] == "book-shop"
    assert project["project"]["dependencies"][0].startswith(("bff @ ", "bff=="))
    for file in (folder / "policies").rglob("*.yaml"):
        named = re.match(r"# yaml-language-server: \$schema=(\S+)", file.read_text("utf-8"))
        assert (file.parent / named[1]).is_file()
    left = [
        str(file) for file in folder.rglob("*") if file.is_file() and "{{" in file.read_text("utf-8", "replace")
    ]
    assert left == []


def test_its_image_is_the_engine_of_ours_and_its_four_folders(application):
    folder, _ = application
    ours = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    theirs = (folder / "Dockerfile").read_text("utf-8")

    copied = re.findall(r"^COPY (?!--from)(.*)$", ours.partition(" AS engine\n")[2], re.MULTILINE)
    assert re.search(r"--target (\w+) --tag ([\w-]+)", theirs).groups() == ("engine", "bff-engine")
    assert re.findall(r"^COPY (.*)$", theirs, re.MULTILINE) == copied
    assert "ARG ENGINE=bff-engine\nFROM ${ENGINE}\n" in theirs


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (["a.txt", "b.txt"], "is not empty: a.txt, b.txt would be in the way"),
        ([f"{n}.txt" for n in range(8)], "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more would be in the way"),
    ],
)
def test_a_folder_with_something_in_it_is_left_alone(tmp_path, present, said):
    for name in present:
        (tmp_path / name).touch()

    with pytest.raises(Unusable, match=said):
        new.new(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == set(present)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "taken").touch()

    with pytest.raises(Unusable, match="taken is a file: name a folder"):
        new.new(tmp_path / "taken")


def test_a_fresh_repository_counts_as_empty(project):
    made = project({"fresh/.git/HEAD": "ref: refs/heads/main\n"})

    result = made.bff("new", "fresh", "--requirement", "bff==9.9", "--format", "json")

    assert result.json["name"] == "fresh"
    assert "schema/__init__.py" in result.json["files"]
    assert '"bff==9.9"' in (made.directory / "fresh/pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My Shop", "my-shop"), ("a_b.c", "a-b-c"), ("...", "app"), ("Läden", "l-den")],
)
def test_the_folder_names_the_application(folder, name):
    assert new.name_of(Path("/") / folder) == name
