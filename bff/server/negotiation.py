"""Media types: what the client can read (RFC 9110, 12.5.1) and what it sent (RFC 9110, 8.3)."""

from typing import Final, NamedTuple

GRAPHQL: Final = "application/graphql-response+json"
JSON: Final = "application/json"
HTML: Final = "text/html"

_SIMPLE: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


class Negotiated(NamedTuple):
    """What an `Accept` header comes to.

    Attributes:
        label: Media type of a 2xx answer; None when none of ours is acceptable.
        names_json_only: Asks for `application/json` by name and never for the GraphQL type: an old client (PD-8).
        page: A browser that would rather see a page.
        takes_json: Whether `application/json` is acceptable, though perhaps not preferred.
    """

    label: str | None
    names_json_only: bool = False
    page: bool = False
    takes_json: bool = True


class _Range(NamedTuple):
    media: str
    quality: float


def negotiate(accept: str | None) -> Negotiated:
    """Return what to answer to somebody who sent *accept*; None stands for no such header.

    The higher quality wins, then the type that is named rather than covered by a wildcard, then the GraphQL type.
    A client that names neither gets `application/json`, which every client can read.
    """
    if accept is None or not accept.strip():
        return Negotiated(JSON)
    ranges = [found for part in accept.split(",") if (found := _range(part))]
    graphql, json, html = (_quality(ranges, media) for media in (GRAPHQL, JSON, HTML))
    if not (graphql[0] or json[0]):
        label = None
    else:
        label = GRAPHQL if graphql > json or (graphql == json and graphql[1]) else JSON
    names = {media for media, quality in ranges if quality}
    return Negotiated(
        label,
        names_json_only=label == JSON and JSON in names and GRAPHQL not in names,
        page=HTML in names and html[0] >= max(graphql[0], json[0]),
        takes_json=json[0] > 0,
    )


def _range(part: str) -> _Range | None:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            parsed = _weight(value.strip())
            if parsed is None:
                return None
            quality = parsed
            break
        if name.strip() == "charset" and not is_utf8(value):
            return None
    return _Range(media, quality)


def _weight(text: str) -> float | None:
    whole, _, digits = text.partition(".")
    if whole not in ("0", "1") or not (digits == "" or (digits.isascii() and digits.isdigit())):
        return None
    return min(float(f"{whole}.{digits or 0}"), 1.0)


def _quality(ranges: list[_Range], media: str) -> tuple[float, bool]:
    """Return the quality of *media* by the most specific range that covers it, and whether that one names it."""
    for pattern in (media, media.partition("/")[0] + "/*", "*/*"):
        weights = [quality for covered, quality in ranges if covered == pattern]
        if weights:
            return max(weights), pattern == media
    return 0.0, False


def is_utf8(charset: str) -> bool:
    """Whether *charset* names UTF-8, quoted or not."""
    return charset.strip().strip('"').lower() in ("utf-8", "utf8")


def is_json_utf8(content_type: str | None) -> bool:
    """Whether a body of *content_type* is `application/json` in UTF-8, which is assumed where nothing is said."""
    if content_type is None:
        return False
    if content_type == JSON:
        return True
    media, *parameters = content_type.split(";")
    if media.strip().lower() != JSON:
        return False
    charsets = [
        value for name, _, value in (p.partition("=") for p in parameters) if name.strip().lower() == "charset"
    ]
    return all(is_utf8(charset) for charset in charsets)


def forces_preflight(content_type: str | None) -> bool:
    """Whether a browser asks before it sends *content_type* to another origin (Fetch, CORS-safelisted)."""
    if content_type is None:
        return False
    return content_type.partition(";")[0].strip().lower() not in _SIMPLE | {""}
