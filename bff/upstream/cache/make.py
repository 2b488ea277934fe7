"""From a response to an entry and back; pure but for the moments it is told."""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random

from bff.upstream.cache import freshness
from bff.upstream.cache.directives import Directives
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.freshness import Audience, Lifetimes
from bff.upstream.cache.lookup import Lookup
from bff.upstream.message import NOT_KEPT, Item, Keeping, Note, Response

_OF_ONE_CONNECTION = frozenset(
    {
        "age",
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OF_THE_BODY = _OF_ONE_CONNECTION | {"content-encoding", "content-md5", "content-range", "etag"}
"""What a 304 does not change: it says nothing new about the body that is kept (RFC 9111, section 3.2)."""

_MAX_SURROGATES = 32
_LONGEST_SURROGATE = 64


def kept_headers(headers: Mapping[str, str], directives: Directives) -> dict[str, str]:
    """Return what is kept of *headers*: nothing that belongs to one connection, one user or one moment."""
    dropped: AbstractSet[str] = _OF_ONE_CONNECTION
    for named in (headers.get("connection"), directives.get("no-cache"), directives.get("private")):
        if named:
            dropped = dropped | {name.strip().lower() for name in named.split(",")}
    return {name: value for name, value in headers.items() if name not in dropped}


def surrogate_tags(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags that the service gave the answer, 32 at most, none longer than 64 characters (CA-17)."""
    names = headers.get("surrogate-key", "").split() + headers.get("cache-tag", "").replace(",", " ").split()
    return tuple(name for name in dict.fromkeys(names) if len(name) <= _LONGEST_SURROGATE)[:_MAX_SURROGATES]


def entry_of(
    response: Response,
    directives: Directives,
    times: Lifetimes,
    *,
    now: float,
    wall: float,
    delta: float,
    jitter: float,
    rng: Random,
) -> Entry:
    """Return the entry that keeps *response*, whole.

    Args:
        response: As it came.
        directives: Its `Cache-Control`.
        times: How long it may be used.
        now: Moment of its arrival on the monotonic clock.
        wall: The same in seconds since the epoch.
        delta: How long the service took, in seconds.
        jitter: By which share it may grow old earlier, so that what is stored together does not end together.
            Never later, for no cache may outstay an explicit lifetime (CA-15).
        rng: Draws the jitter.
    """
    headers = response.headers
    age = freshness.told_age(headers)
    return Entry(
        status=response.status,
        headers=kept_headers(headers, directives),
        body=response.body,
        born=now - freshness.initial_age(headers, wall, delta),
        made=now - (0.0 if age == freshness.UNKNOWN_AGE else age),
        ttl=times.ttl * (1 - jitter * rng.random()),
        swr=times.swr,
        sie=times.sie,
        no_cache=times.no_cache,
        delta=delta,
    )


def renewed(entry: Entry, answer: Response) -> Response:
    """Return what *entry* becomes by a 304 *answer*: its body, with the header fields that are new (CA-6)."""
    fresh = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
    headers = {**entry.headers, **fresh}
    if "age" in answer.headers:
        headers["age"] = answer.headers["age"]
    return Response(entry.status, headers, entry.body)


def useful(entry: Entry, now: float) -> bool:
    """Return whether keeping *entry* could ever help."""
    return now < entry.born + entry.life


def response_of(entry: Entry, now: float, note: Note | None = None) -> Response:
    """Return what a caller gets of *entry*, with its `Age`; a noted one is worth nothing downstream (CA-5)."""
    headers = {**entry.headers, "age": str(max(0, int(now - entry.born)))}
    return Response(entry.status, headers, entry.body, note=note, keeping=keeping_of(entry, now, note))


def keeping_of(entry: Entry, now: float, note: Note | None = None) -> Keeping:
    """Return how long an answer made of *entry* may be kept downstream."""
    return Keeping(0.0 if note else freshness.remaining(entry, now), entry.private)


def item_entry(whole: Entry, body: bytes, headers: Mapping[str, str]) -> Entry:
    """Return the entry of one item of the batch that *whole* keeps."""
    return Entry(
        status=200,
        headers=headers,
        body=body,
        born=whole.born,
        made=whole.made,
        ttl=whole.ttl,
        swr=whole.swr,
        sie=whole.sie,
        no_cache=whole.no_cache,
        private=whole.private,
        delta=whole.delta,
        tags=whole.tags,
    )


def item_of(entry: Entry, note: Note | None = None) -> Item:
    """Return what a batch gets of *entry*."""
    return Item(None if entry.status == 404 else entry.body, note)  # noqa: PLR2004 - Not Found


def stale_note(entry: Entry, upstream: str, now: float, *, fetching: bool = False) -> Note:
    """Return the note on a value that stands in for a failure, or for a fetch that another process is at."""
    reason = "STALE_WHILE_FETCHED" if fetching else "STALE_IF_ERROR"
    age = max(0, round((now - entry.made) * 1000))
    return Note(reason, "stale", upstream, age)  # type: ignore[arg-type]  # one of the literals


def least(kept: Sequence[Keeping]) -> Keeping:
    """Return how long an answer may be kept that is made of all these."""
    if not kept:
        return NOT_KEPT
    shortest = min([one.max_age for one in kept])
    return Keeping(shortest if math.isfinite(shortest) else 0.0, any(one.private for one in kept))


def key_for(lookup: Lookup, audience: Audience) -> str | None:
    """Return the key under which an answer for *audience* is kept."""
    if audience == "user":
        return lookup.user or (None if lookup.credentials else lookup.public)
    return lookup.public
