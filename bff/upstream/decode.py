"""Bodies into the types an endpoint declares; what does not fit is BAD_PAYLOAD, with the place in the log."""

import types
import typing
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec
from typing_extensions import TypeForm

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

T = TypeVar("T")

_LOGGED_BODY = 2048
_FAILURE_CODES = frozenset({"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"})


def bad_payload(detail: str, body: bytes | bytearray | memoryview = b"") -> UpstreamError:
    """Return the error of a whole response whose content is not usable."""
    return UpstreamError(Outcome.BAD_PAYLOAD, detail, body=bytes(body[:_LOGGED_BODY]))


def require_json(response: Response) -> None:
    """Refuse *response* unless its media type is JSON.

    Raises:
        UpstreamError: BAD_PAYLOAD; typically an HTML page with status 200, or a content coding that was not asked
            for.
    """
    headers = response.headers
    if "content-encoding" in headers:
        coding = headers["content-encoding"].strip().lower()
        if coding not in {"", "identity"}:
            raise bad_payload(f"content coding {coding[:50]!r} was not asked for")
    content_type = headers.get("content-type", "")
    if not _is_json(content_type):
        raise bad_payload(f"content-type is {_media_type(content_type) or 'absent'}, not JSON", response.body)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=256)  # services say few different things, and say them with each response
def _is_json(content_type: str) -> bool:
    media_type = _media_type(content_type)
    return media_type == "application/json" or media_type.endswith("+json")


class _Decoder(Generic[T]):
    """Decodes a whole body.

    Attributes:
        optional: Whether None is among the declared values, so that "there is none" is an answer.
    """

    def __init__(self, returns: TypeForm[T]) -> None:
        self._decode: Callable[[bytes | msgspec.Raw], T] = msgspec.json.Decoder(returns).decode
        self.optional = returns in (None, type(None)) or (
            typing.get_origin(returns) in (typing.Union, types.UnionType)
            and type(None) in typing.get_args(returns)
        )

    def __call__(self, response: Response) -> T:
        """Return the value of the body of *response*.

        Raises:
            UpstreamError: BAD_PAYLOAD: not JSON, or not of the declared shape.
        """
        if not response.body and self.optional:
            return cast("T", self.nothing())
        require_json(response)
        return self.value(response.body)

    def value(self, body: bytes | msgspec.Raw) -> T:
        """Return the value that *body* encodes."""
        try:
            return self._decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise bad_payload(str(error), bytes(body)) from error

    @staticmethod
    def nothing() -> Any:
        """Return None, as a T that includes it."""
        return None


def decoder_of(returns: TypeForm[T]) -> _Decoder[T]:
    """Return the decoder for *returns*.

    Raises:
        TypeError: msgspec cannot decode into this type; its message says why.
    """
    return _Decoder(returns)


class BatchDecoder(Generic[T]):
    """Decodes a list and finds for each asked key its item.

    Args:
        returns: `list[Struct]`.
        key: Attribute of the struct that holds the key.
    """

    def __init__(self, returns: TypeForm[list[T]], key: str) -> None:
        items = typing.get_args(returns)
        if typing.get_origin(returns) is not list or not items:
            raise TypeError(f"a batch returns a list of structs: write returns=list[...], not {returns!r}")
        names = {field.name: field.encode_name for field in msgspec.structs.fields(items[0])}
        if key not in names:
            raise TypeError(f"{items[0].__name__} has no attribute {key!r}: key= is one of {', '.join(names)}")
        self._key_in = attrgetter(key)
        self._wire_key = names[key]
        self._all: _Decoder[list[T]] = _Decoder(returns)
        self._one: _Decoder[T] = _Decoder(items[0])
        self._raw: _Decoder[list[msgspec.Raw]] = _Decoder(list[msgspec.Raw])

    def __call__(self, response: Response, texts: Sequence[str]) -> list[T | None | Exception]:
        """Return for each key in *texts* its item, None where there is none, or why its item could not be read.

        Raises:
            UpstreamError: BAD_PAYLOAD: no list at all.
        """
        require_json(response)
        try:
            items = self._all.value(response.body)
        except UpstreamError:
            return self.match(self._raw.value(response.body), texts)
        found = dict(zip(map(str, map(self._key_in, items)), items, strict=True))
        return list(map(found.get, texts))

    def one(self, item: bytes) -> T:
        """Return the value of one item's JSON.

        Raises:
            UpstreamError: BAD_PAYLOAD.
        """
        return self._one.value(item)

    def raws(self, response: Response) -> dict[str, bytes]:
        """Return the JSON of each item of *response* by its key; items without a readable key are left out.

        Raises:
            UpstreamError: BAD_PAYLOAD: no list at all.
        """
        require_json(response)
        return self.by_key(self._raw.value(response.body))

    def by_key(self, items: Sequence[msgspec.Raw]) -> dict[str, bytes]:
        """Return the JSON of each of *items* by its key."""
        found = {self._key_of(item): bytes(item) for item in items}
        return {key: item for key, item in found.items() if key is not None}

    def match(self, items: Sequence[msgspec.Raw], texts: Sequence[str]) -> list[T | None | Exception]:
        """Return the same, its items decoded one by one, so that a broken one costs only itself."""
        found: dict[str, T | Exception] = {}
        lost: Exception | None = None
        for item in items:
            try:
                value = self._one.value(item)
                found[str(self._key_in(value))] = value
            except UpstreamError as error:
                key = self._key_of(item)
                if key is None:
                    lost = error
                else:
                    found[key] = error
        return [found.get(text, lost) for text in texts]

    def _key_of(self, item: msgspec.Raw) -> str | None:
        try:
            value = msgspec.json.decode(item)
        except (msgspec.DecodeError, RecursionError):
            return None
        key = value.get(self._wire_key) if isinstance(value, dict) else None
        return str(key) if isinstance(key, str | int) else None


class _GraphQLError(msgspec.Struct):
    message: str = ""
    extensions: dict[str, Any] | None = None


class _GraphQLBody(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_GraphQLError] | None = None


class GraphQLDecoder(Generic[T]):
    """Decodes the value at one place of a GraphQL response's data.

    Args:
        returns: The value's type.
        at: Member names below `data`, joined with dots.
    """

    def __init__(self, returns: TypeForm[T], at: str) -> None:
        self._body: _Decoder[_GraphQLBody] = _Decoder(_GraphQLBody)
        self._object: _Decoder[dict[str, msgspec.Raw]] = _Decoder(dict[str, msgspec.Raw])
        self._value = _Decoder(returns)
        self._at = at.split(".")

    def __call__(self, response: Response) -> T:
        """Return the value, when it is there.

        Raises:
            UpstreamError: The service answered with errors instead (CB-10), or with another shape.
        """
        require_json(response)
        body = self._body.value(response.body)
        value = self._walk(body.data)
        if value is not None and (bytes(value) != b"null" or self._value.optional):
            return self._value.value(value)
        if body.errors:
            raise self._refused(body.errors, response.body)
        raise bad_payload(f"no value at data.{'.'.join(self._at)}", response.body)

    def whole(self, response: Response) -> bool:
        """Return whether the service answered without errors."""
        return not self._body.value(response.body).errors

    def _walk(self, data: dict[str, msgspec.Raw] | None) -> msgspec.Raw | None:
        value: msgspec.Raw | None = None
        for depth, name in enumerate(self._at):
            members = data if depth == 0 else self._object.value(value) if value else None
            value = members.get(name) if members else None
            if value is None or bytes(value) == b"null":
                return value
        return value

    @staticmethod
    def _refused(errors: Sequence[_GraphQLError], body: bytes) -> UpstreamError:
        code = (errors[0].extensions or {}).get("code")
        failed = code is None or code in _FAILURE_CODES
        outcome = Outcome.SERVER_ERROR if failed else Outcome.CLIENT_ERROR
        said = "; ".join(f"{(error.extensions or {}).get('code', 'no code')}: {error.message}" for error in errors)
        return UpstreamError(outcome, said, status=200, body=body[:_LOGGED_BODY])
