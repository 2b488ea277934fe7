"""Values that are one JSON string."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from resolvers.paging import Cursor

Value = TypeVar("Value")
URL = NewType("URL", str)
"""An absolute web address."""


def _write_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, such as Z")
    return time


def _read_url(text: str) -> URL:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("an absolute URL begins with http:// or https:// and a host")
    return URL(text)


def _reader(parse: Callable[[str], Value]) -> Callable[[object], Value]:
    """Return *parse* for values of clients, who read its reasons; an error of another class would hide them."""

    def read(value: object) -> Value:
        if not isinstance(value, str):
            raise GraphQLError("not a string")
        try:
            return parse(value)
        except ValueError as error:
            raise GraphQLError(str(error)) from error

    return read


CONFIG = StrawberryConfig(
    scalar_map={
        datetime: strawberry.scalar(
            name="DateTime",
            description="A moment, in UTC: RFC 3339, such as `2026-05-01T18:30:00Z`.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
            serialize=_write_time,
            parse_value=_reader(_read_time),
        ),
        URL: strawberry.scalar(
            name="URL",
            description="An absolute web address, `http` or `https`.",
            specified_by_url="https://url.spec.whatwg.org/",
            serialize=str,
            parse_value=_reader(_read_url),
        ),
        Cursor: strawberry.scalar(
            name="Cursor",
            description="A place in a list. Opaque: send back what `pageInfo` or an edge gave, and nothing else.",
            serialize=str,
            parse_value=_reader(Cursor.parse),
        ),
        UUID: strawberry.scalar(
            name="UUID",
            description="A universally unique identifier, such as `6f1c0f34-8a0e-4a83-9a0e-0c1a52f3b1de`.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
            serialize=str,
            parse_value=_reader(UUID),
        ),
    }
)
"""How the schema is made: Python types to scalars."""
