"""The request header by which a developer breaks services for her own operation.

`reviews=slow(2s);payments.charges=503;until=1795168800;cache=empty`: upstreams by their public names, perhaps one
endpoint of them; `until`, in seconds since 1970, after which it is refused; `cache=empty` for: nothing is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from bff.experiments.faults import BadFault, Fault, parse_fault

_PART: Final = re.compile(r"([^=]*)=(.*)")
_MOST_PARTS: Final = 50
_UNTIL, _CACHE = "until", "cache"


class BadHeader(ValueError):
    """A header that cannot be understood; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a header asks for.

    Attributes:
        faults: By the name of the upstream and that of the endpoint, which is None for all of them.
        until: When it expires, in seconds of the wall clock; None where it does not say.
        cold: Whether to behave as if nothing old were kept.
    """

    faults: Mapping[tuple[str, str | None], Fault] = field(default_factory=dict)
    until: float | None = None
    cold: bool = False

    def fault(self, upstream: str, endpoint: str) -> Fault | None:
        """Return what happens to calls of *endpoint*, None for nothing."""
        return self.faults.get((upstream, endpoint)) or self.faults.get((upstream, None))


def parse_header(text: str, names: Mapping[str, str]) -> Asked:
    """Return what *text* asks for.

    Args:
        text: The header's value; parts are separated by semicolons or commas.
        names: Names of the upstreams, by their public names.

    Raises:
        BadHeader: It asks for nothing that there is.
    """
    parts = [part.strip() for part in re.split(r"[;,]", text) if part.strip()]
    if len(parts) > _MOST_PARTS:
        raise BadHeader(f"{len(parts)} parts are too many; {_MOST_PARTS} at most.")
    faults: dict[tuple[str, str | None], Fault] = {}
    until, cold = None, False
    for part in parts:
        match = _PART.fullmatch(part)
        if match is None:
            raise BadHeader(f"{part!r} is not NAME=FAULT, such as {next(iter(names), 'reviews')}=503.")
        name, value = match[1].strip(), match[2].strip()
        if name == _UNTIL:
            until = _moment(value)
        elif name == _CACHE:
            cold = _is_empty(value)
        else:
            faults[_place(name, names)] = _fault(name, value)
    if not faults:
        raise BadHeader(f"it breaks nothing: write NAME=FAULT, such as {next(iter(names), 'reviews')}=503.")
    return Asked(faults, until, cold)


def _moment(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,11}", value):
        raise BadHeader(f"until={value} is no time: write seconds since 1970.")
    return float(value)


def _is_empty(value: str) -> bool:
    if value not in {"empty", "kept"}:
        raise BadHeader(f"cache={value} is neither cache=empty nor cache=kept.")
    return value == "empty"


def _place(name: str, names: Mapping[str, str]) -> tuple[str, str | None]:
    alias, _, endpoint = name.partition(".")
    if alias in names:
        return names[alias], endpoint or None
    near = get_close_matches(alias, names, 1, 0.5)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise BadHeader(f"there is no upstream {alias!r}. {meant}There are {', '.join(sorted(names)) or 'none'}.")


def _fault(name: str, value: str) -> Fault:
    try:
        return parse_fault(value)
    except BadFault as error:
        raise BadHeader(f"{name}: {error}") from None
