"""`bff policies diff`: two folders of policies, or two policy files, compared by what is in force."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bff.cli.findings import counted
from bff.cli.output import FINE, FOUND, Format, Unusable, say, say_json
from bff.cli.policies import load_policies
from bff.policy.diff import Difference, diff
from bff.policy.load import PolicySet
from bff.policy.resolve import Effective

_SINGLE = frozenset({"operations", "defaults", "store"})


def compared(before: Path, after: Path) -> list[Difference]:
    """Return what is different between two folders, or between two files of one kind.

    Raises:
        Unusable: One is missing or not valid, or they are not of one kind.
    """
    for path in (before, after):
        if not path.exists():
            raise Unusable(f"there is no folder or file {path}")
    if before.is_dir() != after.is_dir():
        raise Unusable(f"{before} and {after}: compare two folders or two files, not one with the other")
    if before.is_dir():
        return diff(load_policies(before), load_policies(after))
    if (before.stem in _SINGLE or after.stem in _SINGLE) and before.stem != after.stem:
        raise Unusable(f"{before} and {after} are not about the same thing")
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch, "a"), Path(scratch, "b")]
        sets = [_alone(path, folder, before.stem) for path, folder in zip((before, after), folders, strict=True)]
        found = diff(*sets)
    homes = {_place(folder, before.stem): path for path, folder in zip((before, after), folders, strict=True)}
    return [replace(one, before=_moved(one.before, homes), after=_moved(one.after, homes)) for one in found]


def say_differences(found: Sequence[Difference], output: Format) -> int:
    """Print *found* and return the exit code: 1 where there is anything."""
    if output is Format.JSON:
        say_json({"differences": [_as_json(one) for one in found]})
        return FOUND if found else FINE
    if not found:
        say("Nothing would be in force differently.")
        return FINE
    console = Console(soft_wrap=True, highlight=False) if sys.stdout.isatty() else None
    for one in found:
        meaning = f"  {one.meaning}." if one.meaning else ""
        if console is None:
            say(f"{one}{meaning and '.' + meaning}")
        else:
            console.print(Text(str(one), style="bold") + Text(meaning, style="dim"))
    say(f"{counted(len(found), 'value')} would be in force differently")
    return FOUND


def _alone(path: Path, folder: Path, name: str) -> PolicySet:
    """Return *path* as the only policy there is; an upstream's as that of *name*."""
    target = Path(_place(folder, name))
    target.parent.mkdir(parents=True)
    try:
        target.write_bytes(path.read_bytes())
        return load_policies(folder)
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from error
    except Unusable as error:
        raise Unusable(str(error).replace(target.as_posix(), path.as_posix())) from error


def _place(folder: Path, name: str) -> str:
    return (folder / f"{name}.yaml" if name in _SINGLE else folder / "upstreams" / f"{name}.yaml").as_posix()


def _moved(one: Effective | None, homes: dict[str, Path]) -> Effective | None:
    if one is None:
        return None
    file, colon, line = one.origin.rpartition(":")
    return replace(one, origin=f"{homes[file].as_posix()}{colon}{line}") if file in homes else one


def _as_json(one: Difference) -> dict[str, Any]:
    return {
        "scope": one.scope,
        "kind": one.kind,
        "key": one.key,
        "before": _side(one.before),
        "after": _side(one.after),
        "apart": list(one.apart),
        "meaning": one.meaning,
        "text": str(one),
    }


def _side(one: Effective | None) -> dict[str, Any] | None:
    return None if one is None else {"value": one.value, "text": one.text, "origin": one.origin}
