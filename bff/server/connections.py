"""How many clients may be connected at once, by the files the process may have open (fault 36)."""

import asyncio
import resource
from typing import Final

import orjson

from bff.server.http1 import Http1
from bff.server.known import Memory
from bff.server.whole import Usual

_OWN: Final = 24
"""Files of the process itself: code, log, event loop, listeners."""

_SHARE: Final = 0.6
"""Of the rest, for clients; calls to services and the store need the others."""

_WISHED: Final = 1_048_576
_LINGER: Final = 0.25
"""Seconds in which a client that was refused may read why, before its connection is closed."""

_BODY: Final = orjson.dumps(
    {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "Too many connections."}
)
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n"
    b"retry-after: 1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
"""What a client beyond the limit hears, before it has asked anything."""


def raise_file_limit() -> int:
    """Let the process open as many files as it may at most, and return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _WISHED if hard == resource.RLIM_INFINITY else min(hard, _WISHED)
    if soft == resource.RLIM_INFINITY or soft >= wished:
        return _WISHED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
    return wished


def most_connections(files: int) -> int:
    """Return how many clients may be connected to a process that may have *files* open."""
    return max(4, int((files - _OWN) * _SHARE))


def bounded(most: int) -> type[Http1]:
    """Return the HTTP/1.1 of a server that serves *most* connections and refuses further ones with 503.

    The system's own refusal would come when no file is left for anything else: the log, a call to a service. So
    those who are connected go on being served, and whoever comes on top hears at once that there is no room.
    """

    class BoundedHttp1(Http1):
        memory = Memory()
        usual = Usual()

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
            super().connection_made(transport)
            if len(self.connections) > most:
                self._over = True
                transport.write(FULL)
                transport.write_eof()
                self.loop.call_later(_LINGER, transport.abort)

    return BoundedHttp1
