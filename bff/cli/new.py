"""`bff new`: a small complete application, to be changed into one's own."""

import json
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Annotated

import typer

from bff.cli.output import Format, FormatOption, Unusable, say, say_json
from bff.cli.project import relative

_SUFFIX = ".template"
"""Files of the template have it, so that no tool takes them for files of this project."""

_HARMLESS = frozenset({".git"})
"""What may be in a folder that counts as empty."""

_MOST_NAMED = 5


def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; it names the application.")],
    requirement: Annotated[
        str | None,
        typer.Option(
            metavar="REQUIREMENT", help="What installs bff, for pyproject.toml; where this bff came from."
        ),
    ] = None,
    format_: FormatOption = Format.HUMAN,
) -> None:
    """Write a small complete application: schema, resolvers, upstreams, policies, a fake of its services, tests.

    DIR must be new or empty. The application's own tests pass, `bff check` finds nothing, and `bff dev` serves it.
    """
    require_room(directory)
    words = {"name": name_of(directory), "requirement": requirement or own_requirement()}
    written = write(directory, content(words))
    if format_ is Format.JSON:
        say_json({"directory": str(directory), "name": words["name"], "files": written})
        return
    bff = "bff" if which("bff") else str(Path(sys.executable).with_name("bff"))
    enter = [] if directory.resolve() == Path.cwd() else [f"  cd {quote(relative(directory))}"]
    steps = [
        *enter,
        f"  {quote(bff)} dev    # serves it; README.md says what to try",
        "  make test  # what CI runs",
    ]
    say("\n".join([f"{words['name']}: {len(written)} files written. Now:", "", *steps]))


def require_room(directory: Path) -> None:
    """Make sure that nothing would be overwritten.

    Raises:
        Unusable: *directory* is a file, or has something in it.
    """
    if directory.exists() and not directory.is_dir():
        raise Unusable(f"{directory} is a file: name a folder that is new or empty")
    found = sorted({path.name for path in directory.iterdir()} - _HARMLESS) if directory.exists() else []
    if found:
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        named = ", ".join(found[:_MOST_NAMED])
        raise Unusable(f"{directory} is not empty: {named}{more} would be in the way. Name a folder that is new")


def name_of(directory: Path) -> str:
    """Return the name of the application in *directory*, as packages are named (PEP 503)."""
    return re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "app"


def own_requirement() -> str:
    """Return what installs the bff that runs, from where it was installed (PEP 610)."""
    distribution = metadata.distribution("bff")
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if "vcs_info" in origin:
        return f"bff @ {origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}"
    return f"bff @ {origin['url']}" if origin else f"bff=={distribution.version}"


def content(words: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each file by its path, with *words* in their places."""
    from bff.policy.schema import KINDS  # noqa: PLC0415 - slow to import
    from bff.policy.schema import text as schema_text  # noqa: PLC0415

    found = {f"policies/schema/{kind}.json": schema_text(kind) for kind in KINDS}
    for path, text in _templates(files("bff.cli") / "template"):
        for word, value in words.items():
            text = text.replace(f"{{{{{word}}}}}", value)  # noqa: PLW2901 - word by word
        found[path] = text
    return dict(sorted(found.items()))


def write(directory: Path, texts: Mapping[str, str]) -> list[str]:
    """Write *texts* below *directory* and return their paths.

    Raises:
        Unusable: The file system does not let us.
    """
    try:
        for path, text in texts.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"cannot write {error.filename or directory}: {error.strerror}") from error
    return list(texts)


def _templates(folder: Traversable, below: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _templates(one, f"{below}{one.name}/")
        elif one.name.endswith(_SUFFIX):
            found.append((below + one.name.removesuffix(_SUFFIX), one.read_text(encoding="utf-8")))
    return found
