"""What one directory of policies would change against another: values in force, not lines of files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from pydantic import BaseModel

from bff.policy.caching import StorePolicy
from bff.policy.docstrings import describe
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.policy.render import paths_of
from bff.policy.resolve import Effective, effective, effective_for

_OF_PARTS = frozenset({"groups", "endpoints"})
"""Sections that say how parts differ; what they change is told of the parts."""

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that would be in force differently.

    Attributes:
        scope: What it is about: `operations`, `store`, an upstream, or one of its endpoints such as
            `catalog.menu`.
        kind: Whether the scope's value is new, gone or another one.
        key: The key's path; empty where a whole upstream is new or gone.
        before: The value in force and its origin; None where there was none.
        after: The same of the other side.
        meaning: What the key says of itself, in one sentence.
        apart: Endpoints of the upstream for which nothing changes, because they have a value of their own.
    """

    scope: str
    kind: Kind
    key: str
    before: Effective | None
    after: Effective | None
    meaning: str
    apart: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the difference as a sentence."""
        if not self.key:
            return f"upstream {self.scope} is {'new' if self.kind == 'added' else 'gone'}"
        if self.before is None and self.after is not None:
            return f"{self.scope}: {self.key} is {_told(self.after)}, and was not said"
        if self.after is None and self.before is not None:
            return f"{self.scope}: {self.key} is not said any more, and was {_told(self.before)}"
        assert self.before is not None
        assert self.after is not None
        apart = f", not for {' and '.join(self.apart)}" if self.apart else ""
        return f"{self.scope}: {self.key} was {_told(self.before)}, becomes {_told(self.after)}{apart}"


def diff(before: PolicySet, after: PolicySet) -> list[Difference]:
    """Return what is in force differently under *after*; equal values that moved to another file are no change."""
    found: Iterable[Difference] = chain(
        _single("operations", OperationsPolicy, before, after),
        _single("store", StorePolicy, before, after),
        *(_upstream(name, before, after) for name in sorted({*before.upstreams, *after.upstreams})),
    )
    return list(found)


def _single(name: str, model: type[BaseModel], before: PolicySet, after: PolicySet) -> Iterator[Difference]:
    yield from _values(name, _by_key(effective(before, name)), _by_key(effective(after, name)), _meanings(model))


def _upstream(name: str, before: PolicySet, after: PolicySet) -> Iterator[Difference]:
    if name not in before.upstreams or name not in after.upstreams:
        yield Difference(name, "added" if name in after.upstreams else "removed", "", None, None, "")
        return
    meanings = _meanings(UpstreamPolicy)
    old, new = (_of_upstream(effective(policies, name)) for policies in (before, after))
    own = list(_values(name, old, new, meanings))
    known = {(one.key, _value(one.before), _value(one.after)) for one in own}
    parts: list[Difference] = []
    apart: dict[str, list[str]] = {}
    for endpoint in sorted(_endpoints(before.upstreams[name]) | _endpoints(after.upstreams[name])):
        scope = f"{name}.{endpoint}"
        parts += _group(scope, before.upstreams[name], after.upstreams[name], endpoint)
        old, new = (_of_upstream(effective_for(policies, name, endpoint)) for policies in (before, after))
        mine = list(_values(scope, old, new, meanings))
        parts += [one for one in mine if (one.key, _value(one.before), _value(one.after)) not in known]
        for key in {one.key for one in own} - {one.key for one in mine}:
            apart.setdefault(key, []).append(endpoint)
    yield from (replace(one, apart=tuple(apart.get(one.key, ()))) for one in own)
    yield from parts


def _group(scope: str, before: UpstreamPolicy, after: UpstreamPolicy, endpoint: str) -> Iterator[Difference]:
    old, new = before.chain(endpoint).group, after.chain(endpoint).group
    if old != new:
        meaning = "Endpoints of a group succeed and fail together: they have one breaker."
        first, last = (Effective("group", one, one, "groups") for one in (old, new))
        yield Difference(scope, "changed", "group", first, last, meaning)


def _values(
    scope: str, before: Mapping[str, Effective], after: Mapping[str, Effective], meanings: Mapping[str, str]
) -> Iterator[Difference]:
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if _value(old) == _value(new):
            continue
        kind: Kind = "added" if old is None else "removed" if new is None else "changed"
        meaning = meanings.get(key) or meanings.get(key.rpartition(".")[0], "")
        yield Difference(scope, kind, key, old, new, meaning)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the first sentence of what each key says of itself."""
    describe(model)
    return {
        ".".join(path): " ".join((field.description or "").split()).partition(". ")[0].rstrip(".")
        for path, field in paths_of(model)
    }


def _by_key(values: Iterable[Effective]) -> dict[str, Effective]:
    """Return *values* by their key; of a mapping its entries, which an empty one has none of."""
    return {one.key: one for one in values if one.value != {}}


def _of_upstream(values: Iterable[Effective]) -> dict[str, Effective]:
    return {key: one for key, one in _by_key(values).items() if key.partition(".")[0] not in _OF_PARTS}


def _endpoints(policy: UpstreamPolicy) -> set[str]:
    return set(policy.endpoints) | {name for group in policy.groups.values() for name in group.endpoints}


def _value(one: Effective | None) -> Any:
    return None if one is None else one.text


def _told(one: Effective) -> str:
    return f"{one.text} ({one.origin})"
