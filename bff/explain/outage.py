"""What is left of an answer when services are down (PD-1, PD-2, PD-13)."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from bff.explain.counting import Use, keys_of
from bff.explain.keeping import stale_for
from bff.explain.latency import chain_of
from bff.explain.plan import Instead, Loss, Outage
from bff.explain.sites import ITEM, Site, null_at
from bff.explain.sizes import Sizes
from bff.policy.load import PolicySet
from bff.policy.units import format_duration
from bff.upstream.endpoint import Endpoint


class _Substitute(NamedTuple):
    """What stands in for an endpoint that is down, in order of how bad that is.

    Attributes:
        instead: What the field gets.
        why: In words.
        goes_on: Whether fields below it are asked for.
    """

    instead: Instead
    why: str
    goes_on: bool


_WORST: tuple[Instead, ...] = ("null", "stale or null", "default", "stale or default", "another source")


def outage_of(policies: PolicySet, sites: Sequence[Site], sizes: Sizes, down: Collection[str]) -> Outage:
    """Return what is left when the upstreams *down* answer nothing, and nothing is kept that could stand in."""
    lost: list[Loss] = []
    ended: set[int] = set()
    gone: list[str] = []
    for site in sites:
        if not site.parents:
            continue
        if any(id(above) in ended for above in site.ancestors) or _is_gone(site.path, lost):
            gone.append(site.path)
            continue
        hit = [one for one in site.calls if one.upstream.name in down and keys_of([Use(one, site)], sizes) != 0]
        if not hit:
            continue
        found = min((_substitute(policies, one, down) for one in hit), key=lambda one: _WORST.index(one.instead))
        loss = _loss(site, hit, found, sizes)
        lost.append(loss)
        if loss.certain and not found.goes_on:
            ended.add(id(site))
    lost = _without_covered(lost)
    return Outage(
        upstreams=tuple(sorted(down)),
        lost=tuple(lost),
        gone=tuple(gone),
        nothing_left=any(one.nulls == "" for one in lost),
    )


def _loss(site: Site, hit: Sequence[Endpoint[Any]], found: _Substitute, sizes: Sizes) -> Loss:
    known = all(sizes.of_keys(str(one)) is not None for one in hit)
    certain = known or all(Use(one, site).certain for one in hit)
    why = f"{' and '.join(map(str, hit))}: {found.why}"
    if not certain:
        why += "; only where it is asked, which depends on the data"
    return Loss(
        path=site.nullable[-1][0] if site.by_items else site.path,
        instead=found.instead,
        nulls=null_at(site.nullable) if found.instead in {"null", "stale or null"} else None,
        certain=certain,
        why=why,
    )


def _substitute(policies: PolicySet, endpoint: Endpoint[Any], down: Collection[str]) -> _Substitute:
    other = getattr(endpoint, "otherwise", None)
    if not endpoint.cacheable:
        return _Substitute("null", "null and an error, for a change that failed has failed", goes_on=False)
    if other is not None and other.upstream.name not in down:
        return _Substitute("another source", f"{other} is asked instead", goes_on=True)
    chain = chain_of(policies, endpoint)
    stale, fallback = stale_for(chain), chain.fallback.on_failure
    old = f"what is kept, up to {format_duration(stale)} after it grew old, else " if stale else ""
    if fallback in {"default", "empty_list"}:
        value = "an empty list" if fallback == "empty_list" else "the default value"
        instead: Instead = "stale or default" if old else "default"
        return _Substitute(instead, f"{old}{value} (fallback.on_failure)", goes_on=fallback == "default")
    return _Substitute("stale or null" if old else "null", f"{old}null and an error", goes_on=False)


def _is_gone(path: str, lost: Sequence[Loss]) -> bool:
    """Whether *path* lies below what is null because of one of *lost*."""
    return any(one.nulls is not None and one.certain and _is_below(path, one.nulls) for one in lost)


def _without_covered(lost: Sequence[Loss]) -> list[Loss]:
    """Return *lost* without those inside what another of them makes null."""
    return [one for one in lost if not any(_covers(other, one) for other in lost if other is not one)]


def _covers(other: Loss, one: Loss) -> bool:
    if not other.certain or other.nulls is None or other.path in {other.nulls, one.path}:
        return False
    return _is_below(one.path, other.nulls)


def _is_below(path: str, above: str) -> bool:
    return not above or path == above or path.startswith((f"{above}.", f"{above}{ITEM}"))
