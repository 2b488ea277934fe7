"""From bytes to GraphQL requests: JSON bodies (RFC 8259) and URL parameters, refused where they are ambiguous."""

import json
from collections.abc import Sequence
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import msgspec

from bff.codes import Code
from bff.execution.messages import ErrorMode, GraphQLRequest
from bff.server.refusal import Refusal
from bff.server.statuses import UNPROCESSABLE

MAX_NESTING: Final = 128
"""Levels of arrays and objects in a body; far above any real variables, far below any recursion limit."""

_BOM: Final = b"\xef\xbb\xbf"
_NAMES: Final = ("query", "operationName", "variables", "extensions", "documentId", "onError")
_MODES: Final = get_args(ErrorMode)
_OTHERS: Final = ("documentId", "id", "doc_id", "onError")


class _Wire(msgspec.Struct):
    query: str | msgspec.UnsetType | None = msgspec.UNSET
    operationName: str | msgspec.UnsetType | None = msgspec.UNSET  # noqa: N815 - the name on the wire
    variables: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    extensions: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    documentId: Any = msgspec.UNSET  # noqa: N815 - the name on the wire
    id: Any = msgspec.UNSET
    doc_id: Any = msgspec.UNSET
    onError: Any = msgspec.UNSET  # noqa: N815 - the name on the wire


_ONE: Final = msgspec.json.Decoder(_Wire)
_MANY: Final = msgspec.json.Decoder(list[_Wire])
_MAP: Final = msgspec.json.Decoder(dict[str, Any])


def decode_body(
    body: bytes, ids: Sequence[str] = ("documentId",), *, modes: bool = False
) -> GraphQLRequest | list[GraphQLRequest]:
    """Return the request in a JSON *body*, or the list of requests where it is an array.

    A leading UTF-8 byte order mark is ignored (RFC 8259, 8.1 allows that); any other encoding is refused.
    *ids* are the members that may hold the id of a document, the first one sent counts; *modes* says whether
    `onError` counts.

    Raises:
        Refusal: Not JSON in UTF-8, ambiguous through a repeated name, or not a well-formed GraphQL request.
    """
    body = body.removeprefix(_BOM)
    start = body[:1] if body[:1] in (b"{", b"[") else body.lstrip(b" \t\r\n")[:1]
    if not start:
        raise Refusal(Code.BAD_REQUEST, "The body is empty; send a JSON object with `query`.")
    if start == b"[":
        wires = _decode(_MANY, body)
        _check_names(body, [_parts(wire) for wire in wires])
        return [_request(wire, ids, modes=modes) for wire in wires]
    wire = _decode(_ONE, body)
    _check_names(body, _parts(wire))
    return _request(wire, ids, modes=modes)


def decode_parameters(
    query_string: bytes, ids: Sequence[str] = ("documentId",), *, modes: bool = False
) -> GraphQLRequest:
    """Return the request in the URL parameters of a GET; an empty parameter counts as absent.

    *ids* are the parameters that may hold the id of a document, the first one sent counts; *modes* says whether
    `onError` counts.

    Raises:
        Refusal: Not UTF-8, a parameter given twice, or `variables` or `extensions` that are not JSON objects.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError as error:
        message = "The URL parameters are not percent-encoded UTF-8, or too many."
        raise Refusal(Code.BAD_REQUEST, message, detail=str(error)) from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found and (name in _NAMES or name in ids):
            raise _unprocessable(f"The URL parameter `{name}` is given more than once.")
        found[name] = value
    return _request(
        _Wire(
            query=found.get("query") or None,
            operationName=found.get("operationName") or None,
            variables=_map(found, "variables"),
            extensions=_map(found, "extensions"),
            documentId=found.get("documentId") or None,
            id=found.get("id") or None,
            doc_id=found.get("doc_id") or None,
            onError=found.get("onError") or None,
        ),
        ids,
        modes=modes,
    )


def has_parameters(query_string: bytes, ids: Sequence[str] = ()) -> bool:
    """Whether *query_string* holds any parameter of a GraphQL request, those in *ids* included."""
    text = query_string.decode("latin-1")
    return any(name in _NAMES or name in ids for name, _ in parse_qsl(text, keep_blank_values=True))


def _map(found: dict[str, str], name: str) -> dict[str, Any] | None:
    text = found.get(name)
    if not text:
        return None
    body = text.encode()
    if text.strip() == "null":
        return None
    value: dict[str, Any] = _decode(_MAP, body, f"The URL parameter `{name}`")
    _check_names(body, value)
    return value


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes, what: str = "The body") -> Any:
    try:
        body.decode()
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise Refusal(Code.BAD_REQUEST, f"{what} is not UTF-8.", detail=str(error)) from error
    except RecursionError as error:
        raise _too_deep(what) from error
    except msgspec.ValidationError as error:
        raise _unprocessable(f"{what} is not a well-formed GraphQL request: {error}.") from error
    except msgspec.DecodeError as error:
        raise Refusal(Code.BAD_REQUEST, f"{what} is not JSON: {error}.") from error


def _request(wire: _Wire, ids: Sequence[str], *, modes: bool) -> GraphQLRequest:
    query, extensions = wire.query or None, wire.extensions or None
    identifier = None
    for name in ids:
        value = getattr(wire, name)
        if value is msgspec.UNSET or value is None or value == "":
            continue
        if type(value) is not str:
            raise _unprocessable("The id of a document must be a string.")
        identifier = identifier or value
    if query is None and extensions is None and identifier is None:
        raise _unprocessable("The request has no `query`.")
    mode = wire.onError if modes and wire.onError is not msgspec.UNSET else None
    if mode is not None and mode not in _MODES:
        raise _unprocessable(f"`onError` must be one of {', '.join(_MODES)}.")
    variables = wire.variables or None
    return GraphQLRequest(
        query, wire.operationName or None, variables, extensions, identifier, mode or "PROPAGATE"
    )


def _parts(wire: _Wire) -> list[Any]:
    """Return everything in *wire*, the names of its members included."""
    parts: list[Any] = []
    if wire.query is not msgspec.UNSET:
        parts += ("query", wire.query)
    if wire.operationName is not msgspec.UNSET:
        parts += ("operationName", wire.operationName)
    if wire.variables is not msgspec.UNSET:
        parts += ("variables", wire.variables)
    if wire.extensions is not msgspec.UNSET:
        parts += ("extensions", wire.extensions)
    for name in _OTHERS:
        value = getattr(wire, name)
        if value is not msgspec.UNSET:
            parts += (name, value)
    return parts


def _check_names(body: bytes, value: Any) -> None:
    """Refuse *body*, decoded as *value*, when an object in it repeats a name.

    Decoders keep the last one, other programs the first one: a request must not mean two things. Every string in
    the text has two quotes; when *value* holds fewer strings than the text, some were dropped, and only then the
    slow decoder that sees each name has to look.
    """
    quotes = body.count(b'"')
    if b"\\" in body:
        quotes -= body.replace(b"\\\\", b"").count(b'\\"')
    if _strings(value) * 2 == quotes:
        return
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=str)
    except RecursionError as error:
        raise _too_deep("The body") from error


def _strings(value: Any) -> int:
    """Return how many strings *value* holds, names included; refuse what is nested too deep."""
    count = 0
    level = [value]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is str:
                count += 1
            elif kind is dict:
                count += len(item)
                below += item.values()
            elif kind is list:
                below += item
        if not below:
            return count
        level = below
    raise _too_deep("The body")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise Refusal(Code.BAD_REQUEST, "The body repeats a name within one object.")
    return names


def _too_deep(what: str) -> Refusal:
    return Refusal(Code.BAD_REQUEST, f"{what} is nested deeper than {MAX_NESTING} levels.")


def _unprocessable(message: str) -> Refusal:
    return Refusal(Code.BAD_REQUEST, message, statuses=UNPROCESSABLE)
