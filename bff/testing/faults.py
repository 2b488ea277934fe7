"""Which fault hits which request: `Fault` says it, `FaultBook` decides it; `bff.testing.fault_wire` does it.

A fault in JSON is one flat object, the kind and its parameters beside the rest:
`{"kind": "latency", "seconds": 0.3, "path": "/dishes/*", "share": 0.5, "duration": 60}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property
from random import Random
from typing import Any, TypeVar

import msgspec

from bff.clock import Clock
from bff.testing.fault_kinds import BEFORE_REQUEST, KINDS, BlackHole, Flapping, Kind, Refuse, ResetOnAccept

T = TypeVar("T", bound=msgspec.Struct)


class BadFault(ValueError):
    """A fault's JSON form is wrong; the message says where, and names the nearest right word.

    Attributes:
        pointer: JSON pointer (RFC 6901) to what is wrong.
    """

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}" if pointer else detail)
        self.pointer = pointer
        self.detail = detail


@dataclass(frozen=True)
class Fault:
    """A kind of trouble, and which requests it hits.

    Attributes:
        kind: What happens.
        path: Pattern over the decoded path: `*` or `{name}` stands for one segment or a part of it, `**` for any
            text, slashes too; `*` alone for every path.
        method: Which method it hits; None for all.
        share: Which share of the requests that fit is hit, from 0 to 1.
        duration: Seconds after which it ends by itself; None for never.
        times: How many requests it hits before it ends by itself; None for no end.

    Raises:
        ValueError: A value is out of its range.
    """

    kind: Kind
    path: str = "*"
    method: str | None = None
    share: float = 1.0
    duration: float | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        """Check what the types do not say, and the kind's ranges, which a struct checks only when decoded."""
        try:
            msgspec.convert(msgspec.to_builtins(self.kind), type(self.kind))
        except msgspec.ValidationError as error:
            raise ValueError(f"{type(self.kind).__name__}: {error}") from error
        if not 0 <= self.share <= 1:
            raise ValueError(f"share {self.share} does not lie between 0 and 1")
        if self.duration is not None and self.duration <= 0:
            raise ValueError(f"duration {self.duration} is not above 0")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times {self.times} is not above 0")
        if self.path != "*" and not self.path.startswith(("/", "**")):
            raise ValueError(f"path {self.path!r} matches nothing: a path begins with a slash")
        if isinstance(self.kind, BEFORE_REQUEST) and (self.path != "*" or self.method is not None):
            raise ValueError("this kind strikes before there is a request, so it takes neither path nor method")
        if isinstance(self.kind, Refuse) and (self.share != 1 or self.times is not None):
            raise ValueError("a port is open or not, so `refuse` takes neither share nor times")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(_regex(self.path))

    def fits(self, method: str, path: str) -> bool:
        """Return whether a request for *path*, decoded, is of those this fault may hit."""
        return (self.method is None or self.method.upper() == method) and bool(self._pattern.fullmatch(path))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, without what has its default."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kind"}
        default = {f.name: f.default for f in fields(self)}
        changed = {name: value for name, value in own.items() if value != default[name]}
        return {**msgspec.to_builtins(self.kind), **changed}

    @classmethod
    def from_json(cls, value: Any, pointer: str = "") -> "Fault":
        """Return the fault that *value* describes.

        Raises:
            BadFault: It describes none; *pointer* is put before the place in the message.
        """
        if not isinstance(value, Mapping):
            raise BadFault(pointer, 'a fault is an object such as {"kind": "status", "status": 503}')
        kind = _kind_of(value, pointer)
        parameters = {f.name: f for f in msgspec.structs.fields(kind)}
        for name in value:
            if name not in parameters and name not in _OWN and name != "kind":
                raise BadFault(f"{pointer}/{name}", f"unknown{_nearest(name, [*parameters, *_OWN])}")
        own = _convert({k: v for k, v in value.items() if k in _OWN}, _Own, pointer)
        made = _convert({k: v for k, v in value.items() if k not in _OWN}, kind, pointer)
        try:
            return cls(made, **msgspec.structs.asdict(own))
        except ValueError as error:
            raise BadFault(pointer, str(error)) from error


class _Own(msgspec.Struct, frozen=True):
    """The members of a fault's JSON form that are not its kind's."""

    path: str = "*"
    method: str | None = None
    share: float = 1.0
    duration: float | None = None
    times: int | None = None


_OWN = tuple(f.name for f in msgspec.structs.fields(_Own))


def _kind_of(value: Mapping[str, Any], pointer: str) -> type[Kind]:
    name = value.get("kind")
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    said = "is missing" if name is None else f"{name!r} is unknown"
    raise BadFault(f"{pointer}/kind", f"{said}{_nearest(str(name or ''), list(KINDS))}")


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word.lower().replace("-", "_"), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _convert(value: dict[str, Any], type_: type[T], pointer: str) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").replace(".", "/")
        raise BadFault(pointer + place, text) from error


_TOKEN = re.compile(r"\*\*|\*|\{[^{}/]*\}")


def _regex(pattern: str) -> str:
    """Return *pattern* as a regular expression."""
    if pattern == "*":
        return r"(?s:.*)"
    result, end = "", 0
    for match in _TOKEN.finditer(pattern):
        result += re.escape(pattern[end : match.start()]) + (r"(?s:.*)" if match[0] == "**" else r"[^/]*")
        end = match.end()
    return result + re.escape(pattern[end:])


@dataclass
class Entry:
    """A fault in the book; `since` is the moment it was added, `hits` how many requests it has hit."""

    fault: Fault
    since: float
    hits: int = field(default=0)

    def left(self, now: float) -> float | None:
        """Return for how many more seconds it lasts, None for no end."""
        return None if self.fault.duration is None else self.since + self.fault.duration - now

    def active(self, now: float) -> bool:
        """Return whether it has not ended yet."""
        left = self.left(now)
        return (left is None or left > 0) and (self.fault.times is None or self.hits < self.fault.times)

    def down(self, now: float) -> bool:
        """Return False while a flapping service is up."""
        kind = self.fault.kind
        return not isinstance(kind, Flapping) or (now - self.since) % (kind.up + kind.down) >= kind.up


class FaultBook:
    """The faults of one service; decides, and does nothing else."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        """Start empty; *clock* and *rng* are asked for nothing but durations and shares."""
        self._clock = clock
        self._rng = rng
        self._entries: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """The faults that have not ended, in the order in which they are tried."""
        now = self._clock.now()
        self._entries = [entry for entry in self._entries if entry.active(now)]
        return list(self._entries)

    def add(self, *faults: Fault) -> None:
        """Add *faults* after those that are there."""
        now = self._clock.now()
        self._entries += [Entry(fault, now) for fault in faults]

    def replace(self, faults: Iterable[Fault]) -> None:
        """Let *faults* be all there are."""
        self._entries = []
        self.add(*faults)

    def clear(self) -> None:
        """End all faults."""
        self._entries = []

    def decide(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request: the first that fits, is not up, and whose share's draw hits."""
        return self._first(
            entry
            for entry in self._entries
            if not isinstance(entry.fault.kind, BEFORE_REQUEST) and entry.fault.fits(method, path)
        )

    def decide_connection(self) -> Fault | None:
        """Return the `reset_on_accept` that hits a new connection."""
        return self._first(entry for entry in self._entries if isinstance(entry.fault.kind, ResetOnAccept))

    def _first(self, entries: Iterable[Entry]) -> Fault | None:
        now = self._clock.now()
        for entry in entries:
            if not entry.active(now) or not entry.down(now):
                continue
            if entry.fault.share < 1 and self._rng.random() >= entry.fault.share:
                continue
            entry.hits += 1
            return entry.fault
        return None

    @property
    def refusing(self) -> Entry | None:
        """The `refuse` that is in force."""
        return next((entry for entry in self.entries if isinstance(entry.fault.kind, Refuse)), None)

    @property
    def silent(self) -> bool:
        """Whether a `black_hole` is in force, which swallows also what is no request."""
        return any(isinstance(entry.fault.kind, BlackHole) for entry in self.entries)
