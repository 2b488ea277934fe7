"""What each cuisine cooks, read from `menus.txt`.

`= CUISINE` starts a cuisine, `> Title` a section of its menus; every other line is a dish:
`name | description | cents`, and optionally `| v`, `| mild`, `| hot` or two of them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from upstreams.simulation.model import Cuisine, Spiciness

_FILE: Final = Path(__file__).with_name("menus.txt")


class Recipe(NamedTuple):
    """A dish before a restaurant has put its own name and price to it."""

    section: str
    name: str
    description: str
    cents: int
    vegetarian: bool
    spiciness: Spiciness


def load(path: Path = _FILE) -> Mapping[Cuisine, tuple[Recipe, ...]]:
    """Return the recipes of every cuisine, in the order of the file."""
    return _parse(path.read_text(encoding="utf-8").splitlines())


def _parse(lines: Iterable[str]) -> Mapping[Cuisine, tuple[Recipe, ...]]:
    recipes: dict[Cuisine, list[Recipe]] = {}
    cuisine, section = Cuisine.ITALIAN, ""
    for line in lines:
        if line.startswith("= "):
            cuisine = Cuisine(line[2:])
        elif line.startswith("> "):
            section = line[2:]
        elif line:
            recipes.setdefault(cuisine, []).append(_recipe(section, line))
    return {cuisine: tuple(found) for cuisine, found in recipes.items()}


def _recipe(section: str, line: str) -> Recipe:
    name, description, cents, *rest = (part.strip() for part in line.split("|"))
    marks = rest[0].split() if rest else []
    spiciness = next((Spiciness(mark.upper()) for mark in marks if mark != "v"), Spiciness.NONE)
    return Recipe(section, name, description, int(cents), "v" in marks, spiciness)
