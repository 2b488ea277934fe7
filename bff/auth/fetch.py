"""Asks issuers over our own transport: no redirects, no cookies, bounded in time and size (JK-1)."""

import asyncio
import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from bff.auth.strict import json_object
from bff.auth.verdicts import Rejected
from bff.policy.names import is_loopback
from bff.upstream.cache import directives
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request, Response
from bff.upstream.transport import Limits, Transport

MAX_BYTES: Final = 256 * 1024
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_PORTS: Final = {"http": 80, "https": 443}
_DEPTH: Final = 16


class FetchFailed(Exception):
    """No usable answer came; the message is for logs.

    Attributes:
        status: That of the answer, where there was one.
    """

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class Document(NamedTuple):
    """A JSON object, and for how many seconds its sender wants it kept; None where it does not say."""

    content: dict[str, Any]
    max_age: float | None


def limits_for(ca_file: str | None) -> Limits:
    """Return the bounds of connections to issuers."""
    return Limits(max_connections=16, connect_timeout=1.0, max_response_bytes=MAX_BYTES, ca_file=ca_file)


class Web:
    """Fetches JSON objects.

    Args:
        transport: Sends requests; closed by whoever opened it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, url: str, seconds: float) -> Document:
        """Return the JSON object at *url*.

        Raises:
            FetchFailed: There is none within *seconds*.
        """
        return await self._send("GET", url, {}, None, seconds)

    async def post(self, url: str, form: dict[str, str], headers: dict[str, str], seconds: float) -> Document:
        """Return the JSON object that *url* answers *form* with.

        Raises:
            FetchFailed: There is none within *seconds*.
        """
        fields = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self._send("POST", url, fields, urlencode(form).encode("ascii"), seconds)

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, seconds: float
    ) -> Document:
        origin, target = place_of(url)
        request = Request(method, origin, target, {"accept": "application/json", **headers}, body)
        try:
            async with asyncio.timeout(seconds):
                response = await self._transport.send(request)
        except UpstreamError as error:
            raise FetchFailed(f"{origin}: {error}") from error
        except TimeoutError:
            raise FetchFailed(f"{origin}: no answer within {seconds:g}s") from None
        return _document(origin, response)


def place_of(url: str) -> tuple[Origin, str]:
    """Return where *url* is and what is asked there.

    Raises:
        FetchFailed: Not `https://`, nor `http://` on this machine; a file least of all.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchFailed(f"{url!r} is not a URL") from None
    host = parts.hostname or ""
    if not (host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))):
        raise FetchFailed(f"{url!r} is not https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme]), target


def _document(origin: Origin, response: Response) -> Document:
    if response.status != 200:  # noqa: PLR2004 - nothing else brings what was asked for, least of all a redirect
        raise FetchFailed(f"{origin}: status {response.status}", status=response.status)
    if not _JSON.fullmatch(response.headers.get("content-type", "")):
        raise FetchFailed(f"{origin}: the answer is not JSON by its content type")
    if len(response.body) > MAX_BYTES:
        raise FetchFailed(f"{origin}: more than {MAX_BYTES} bytes")
    try:
        content = json_object(response.body, _DEPTH)
    except Rejected as error:
        raise FetchFailed(f"{origin}: {error.detail}") from None
    said = directives.parse(response.headers.get("cache-control"))
    return Document(content, directives.seconds(said, "max-age"))
