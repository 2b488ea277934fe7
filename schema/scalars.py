"""Values that are one JSON string."""

from datetime import UTC, datetime
from typing import NewType
from urllib.parse import urlsplit
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.paging import Cursor

URL = NewType("URL", str)
"""An absolute web address."""


def _write_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, such as Z")
    return time


def _read_url(value: object) -> str:
    url = urlsplit(_text(value))
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("a URL begins with https:// and a host")
    return url.geturl()


def _read_cursor(value: object) -> Cursor:
    return Cursor.parse(_text(value))


def _read_uuid(value: object) -> UUID:
    return UUID(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - GraphQL reports a ValueError to the client
    return value


CONFIG = StrawberryConfig(
    scalar_map={
        datetime: strawberry.scalar(
            name="DateTime",
            description="A moment, in UTC: RFC 3339, such as `2026-05-01T18:30:00Z`.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
            serialize=_write_time,
            parse_value=_read_time,
        ),
        URL: strawberry.scalar(
            name="URL",
            description="An absolute web address, `http` or `https`.",
            specified_by_url="https://url.spec.whatwg.org/",
            serialize=str,
            parse_value=_read_url,
        ),
        Cursor: strawberry.scalar(
            name="Cursor",
            description="A place in a list. Opaque: send back what `pageInfo` or an edge gave, and nothing else.",
            serialize=str,
            parse_value=_read_cursor,
        ),
        UUID: strawberry.scalar(
            name="UUID",
            description="A universally unique identifier, such as `6f1c0f34-8a0e-4a83-9a0e-0c1a52f3b1de`.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
            serialize=str,
            parse_value=_read_uuid,
        ),
    }
)
"""How the schema is made: Python types to scalars."""
