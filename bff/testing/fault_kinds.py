"""The ways in which a service can let its caller down, each with its parameters.

Times are in seconds, sizes in bytes. A kind's tag is its name in JSON; a parameter's name is the same in both.
Where a body is cut, a streamed reply counts as no longer than its first chunk.
"""

from typing import Annotated, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Period = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
StatusCode = Annotated[int, msgspec.Meta(ge=200, le=599)]


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """Base of all kinds."""


class Latency(Kind, frozen=True, tag="latency"):
    """The service acts, then its reply waits for *seconds*, drawn evenly from *jitter* below to *jitter* above."""

    seconds: Seconds
    jitter: Seconds = 0.0


class Status(Kind, frozen=True, tag="status"):
    """The service does not act and answers *status* with a problem+json body.

    `retry_after` is sent as `Retry-After`: seconds, or a text such as an HTTP date as it is.
    """

    status: StatusCode = 503
    retry_after: int | str | None = None


class HangBeforeHeaders(Kind, frozen=True, tag="hang_before_headers"):
    """The request is read and never answered; *acts* says whether the service acted on it."""

    acts: bool = True


class HangAfterHeaders(Kind, frozen=True, tag="hang_after_headers"):
    """The service acts and sends the headers of its reply, but no byte of the body."""


class ResetBeforeResponse(Kind, frozen=True, tag="reset_before_response"):
    """The connection is reset (RST) where the reply was due; *acts* says whether the service acted before."""

    acts: bool = True


class EofBeforeResponse(Kind, frozen=True, tag="eof_before_response"):
    """The connection is closed (FIN) where the reply was due; *acts* says whether the service acted before."""

    acts: bool = True


class ResetMidBody(Kind, frozen=True, tag="reset_mid_body"):
    """The headers and *bytes* of the body, by default half of it, are sent; then the connection is reset (RST)."""

    bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ShortBody(Kind, frozen=True, tag="short_body"):
    """As `reset_mid_body`, but closed in good order (FIN): the end comes short of Content-Length."""

    bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None


class MissingTerminator(Kind, frozen=True, tag="missing_terminator"):
    """The whole body is sent chunked, and the connection closed (FIN) without the last chunk."""


class TruncatedJson(Kind, frozen=True, tag="truncated_json"):
    """Half of the body with a Content-Length that fits the half: good HTTP, bad JSON."""


class WrongContentType(Kind, frozen=True, tag="wrong_content_type"):
    """The service does not act; a proxy's HTML page comes back, with *status*."""

    status: StatusCode = 200


class MalformedJson(Kind, frozen=True, tag="malformed_json"):
    """The service does not act; what comes back as JSON is none, or is of a sort that parsers differ on."""

    variant: Literal["nan", "lone_surrogate", "duplicate_keys", "deep", "huge_number", "not_utf8"] = "nan"


class Drip(Kind, frozen=True, tag="drip"):
    """The service acts; *bytes* of the chosen *part* are sent every *interval*, the rest at once."""

    bytes: Count = 1
    interval: Seconds = 1.0
    part: Literal["headers", "body", "both"] = "body"


class Bandwidth(Kind, frozen=True, tag="bandwidth"):
    """The service acts; its reply, streams too, leaves at *bytes_per_second*."""

    bytes_per_second: Count = 1024


class HugeBody(Kind, frozen=True, tag="huge_body"):
    """The service does not act; a body of *bytes* comes, or where *endless* chunks that never stop."""

    bytes: Count = 1024**3
    endless: bool = False


class GzipBomb(Kind, frozen=True, tag="gzip_bomb"):
    """The service does not act; a small gzip body becomes *inflated* bytes of JSON, in steps of 1 MiB."""

    inflated: Annotated[int, msgspec.Meta(ge=1024**2)] = 200 * 1024**2


class BadGzip(Kind, frozen=True, tag="bad_gzip"):
    """The service acts; its reply says gzip and is not, or is cut off, or has a wrong checksum."""

    variant: Literal["not_gzip", "truncated", "checksum"] = "not_gzip"


class InvalidStatusLine(Kind, frozen=True, tag="invalid_status_line"):
    """The service does not act; *line* is sent where the status line was due, then the connection is closed."""

    line: str = "HTTP/1.1 abc Broken"


class HugeHeaders(Kind, frozen=True, tag="huge_headers"):
    """The service acts; its reply has *count* more header fields of *bytes* each."""

    count: Count = 1000
    bytes: Count = 1024


class Redirect(Kind, frozen=True, tag="redirect"):
    """The service does not act and sends the caller to *location*, by default a cloud's metadata service."""

    location: str = "http://169.254.169.254/latest/meta-data/"
    status: Annotated[int, msgspec.Meta(ge=300, le=399)] = 302


class Flapping(Kind, frozen=True, tag="flapping"):
    """Fine for *up*, then failing for *down*, and again; counted from the moment the fault was added.

    While down the service does not act and answers *status*; where *status* is null, it resets the connection.
    """

    up: Period = 5.0
    down: Period = 5.0
    status: StatusCode | None = 503


class SetCookie(Kind, frozen=True, tag="set_cookie"):
    """The service acts; its reply sets *cookie*, which a shared client must not keep."""

    cookie: str = "id=somebody-else; Path=/"


class Informational(Kind, frozen=True, tag="informational"):
    """The service acts; *count* informational responses (103) come before its reply."""

    count: Count = 1


class CloseAfterReply(Kind, frozen=True, tag="close_after_reply"):
    """The service acts and replies as if the connection stayed open, then closes it (FIN): stale in a pool."""


class BlackHole(Kind, frozen=True, tag="black_hole"):
    """The connection is accepted and nothing ever comes back; on a port without TLS a handshake stalls, too."""


class ResetOnAccept(Kind, frozen=True, tag="reset_on_accept"):
    """Each new connection is reset (RST) as soon as it is accepted, before there is a request."""


class Refuse(Kind, frozen=True, tag="refuse"):
    """Nobody listens: the kernel refuses new connections. Open ones are ended."""


BEFORE_REQUEST = (ResetOnAccept, Refuse)
"""Kinds that strike before there is a request, so that neither path nor method can be looked at."""

KINDS: dict[str, type[Kind]] = {str(kind.__struct_config__.tag): kind for kind in Kind.__subclasses__()}
"""All kinds, by their name in JSON."""
