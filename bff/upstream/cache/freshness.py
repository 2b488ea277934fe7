"""The decisions of a shared cache: may it be kept, for whom, until when, and what is it worth now. All pure.

Source: RFC 9111 sections 3 and 4, RFC 5861; rules CA-1, CA-2, CA-5 to CA-9 and CA-14.
"""

import math
from collections.abc import Mapping
from enum import Enum
from typing import Literal

import msgspec

from bff.policy.caching import CacheRules
from bff.upstream.cache.directives import Directives, date, parse, seconds
from bff.upstream.cache.entry import Entry

MAX_TTL = 86_400.0
"""Seconds; nothing stays fresh for longer (CA-5)."""

UNKNOWN_AGE = 2.0**31
"""Seconds; an answer of unknown age is old (CA-5)."""

KEPT_STATUSES = frozenset({200, 203, 204})

_EXPLICIT = ("s-maxage", "max-age", "public", "no-cache")
_SHARED_BY_RULE = ("public", "s-maxage", "must-revalidate")
_NO_STALE = ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage")

Audience = Literal["public", "user"]


class State(Enum):
    """What an entry is worth at a moment."""

    FRESH = "fresh"
    EARLY = "early"
    """Fresh, and to be fetched anew in the background already (CA-14)."""
    STALE = "stale"
    """May be given while it is fetched anew in the background (CA-8)."""
    EXPIRED = "expired"
    """Good for asking whether it still holds, and perhaps as a stand-in."""


class Lifetimes(msgspec.Struct, frozen=True):
    """How long an answer may be used, in seconds; `stale_*` count from the end of `ttl`."""

    ttl: float
    swr: float
    sie: float
    no_cache: bool


def audience(
    rules: CacheRules, status: int, headers: Mapping[str, str], directives: Directives, *, credentials: bool
) -> Audience | None:
    """Return who may get this answer again, None for nobody (CA-1, CA-2).

    Args:
        rules: What the platform team says.
        status: Of the answer.
        headers: Of the answer.
        directives: Its `Cache-Control`.
        credentials: Whether the call carried anything that tells users apart.
    """
    if not storable(rules, status, headers, directives):
        return None
    if "private" in directives or rules.scope == "user":
        return "user" if rules.scope == "user" and (credentials or "private" not in directives) else None
    if rules.scope == "public" or not credentials or not directives.keys().isdisjoint(_SHARED_BY_RULE):
        return "public"
    return "user"


def storable(rules: CacheRules, status: int, headers: Mapping[str, str], directives: Directives) -> bool:
    """Return whether anybody at all may get this answer again (CA-1)."""
    if rules.scope == "off" or status not in KEPT_STATUSES or "no-store" in directives:
        return False
    if "vary" in headers and "*" in headers["vary"]:
        return False
    if not (rules.default_ttl or "expires" in headers or not directives.keys().isdisjoint(_EXPLICIT)):
        return False
    return "set-cookie" not in headers or "public" in directives


def lifetimes(rules: CacheRules, headers: Mapping[str, str], directives: Directives, wall: float) -> Lifetimes:
    """Return how long an answer may be used (CA-5, CA-8, CA-9).

    Args:
        rules: What holds where the answer says nothing.
        headers: Of the answer.
        directives: Its `Cache-Control`.
        wall: Seconds since the epoch, used where the answer has no `Date`.
    """
    forbidden = not rules.override_stale and not directives.keys().isdisjoint(_NO_STALE)
    swr, sie = seconds(directives, "stale-while-revalidate"), seconds(directives, "stale-if-error")
    return Lifetimes(
        ttl=min(_ttl(rules, headers, directives, wall), rules.max_ttl.total_seconds()),
        swr=0.0 if forbidden else min(_or(swr, rules.stale_while_revalidate.total_seconds()), MAX_TTL),
        sie=0.0 if forbidden else min(_or(sie, rules.stale_if_error_seconds), MAX_TTL),
        no_cache="no-cache" in directives,
    )


def _ttl(rules: CacheRules, headers: Mapping[str, str], directives: Directives, wall: float) -> float:
    for name in ("s-maxage", "max-age"):
        told = seconds(directives, name)
        if told is not None:
            return told
    if "expires" in headers:
        until = date(headers["expires"])
        return 0.0 if until is None else max(0.0, until - _or(date(headers.get("date")), wall))
    return 0.0 if "no-cache" in directives else rules.default_ttl.total_seconds()


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def initial_age(headers: Mapping[str, str], wall: float, delay: float) -> float:
    """Return the age that an answer has when it arrives, in seconds (RFC 9111, section 4.2.3).

    Args:
        headers: Of the answer.
        wall: Seconds since the epoch when it arrived.
        delay: Seconds between asking and its arrival.
    """
    made = date(headers.get("date"))
    apparent = max(0.0, math.floor(wall) - made) if made is not None else 0.0
    return max(apparent, told_age(headers) + delay)


def told_age(headers: Mapping[str, str]) -> float:
    """Return what the `Age` field says, in seconds; `UNKNOWN_AGE` where it cannot be read."""
    value = headers.get("age")
    if value is None:
        return 0.0
    value = value.strip()
    return float(min(int(value), 2**31)) if value.isascii() and value.isdigit() else UNKNOWN_AGE


def state(entry: Entry, now: float, *, beta: float = 0.0, draw: float = 1.0) -> State:
    """Return what *entry* is worth at *now*.

    Args:
        entry: What is kept.
        now: Moment on the monotonic clock.
        beta: Eagerness of fetching early; 0 never does.
        draw: Evenly drawn from above 0 up to 1.

    Source: XFetch, in A. Vattani et al., "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.
    """
    expiry = entry.born + entry.ttl
    if entry.no_cache:
        return State.EXPIRED
    if now < expiry:
        early = beta > 0 and entry.delta > 0 and now - entry.delta * beta * math.log(draw) >= expiry
        return State.EARLY if early else State.FRESH
    return State.STALE if now < expiry + entry.swr else State.EXPIRED


def stands_in(entry: Entry, now: float) -> bool:
    """Return whether *entry* may stand in for a failing service (CA-9)."""
    return entry.status != 404 and now < entry.born + entry.ttl + entry.sie  # noqa: PLR2004 - Not Found


def remaining(entry: Entry, now: float) -> float:
    """Return for how many seconds more *entry* is fresh."""
    return 0.0 if entry.no_cache else max(0.0, entry.born + entry.ttl - now)


def directives_of(headers: Mapping[str, str]) -> Directives:
    """Return the `Cache-Control` of *headers*; `Pragma: no-cache` counts where there is none."""
    if "cache-control" not in headers and "no-cache" in headers.get("pragma", "").lower():
        return {"no-cache": None}
    return parse(headers["cache-control"]) if "cache-control" in headers else {}
