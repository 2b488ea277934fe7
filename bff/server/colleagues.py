"""The workers of one host ask each other: whichever of them the admin port reaches can answer for all.

The parent opens one loopback socket for each worker and hands it to every process that takes this worker's place.
So nothing is shared but port numbers and a key, and a worker that hangs or restarts costs the others one timeout.
The key, which the parent draws anew at each start, tells a colleague from anybody else on this machine.
"""

import hmac
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Final, NamedTuple

ALONE: Final = "alone"
"""Query parameter by which one worker asks another for its own part only."""

KEY_HEADER: Final = "x-bff-colleague"
"""Carries the key by which a worker is known to the others."""

_TIMEOUT: Final = 1.0
_LOOPBACK: Final = "127.0.0.1"


class Place(NamedTuple):
    """Which worker this is, counted from 0, the loopback port of each, and the key that all of them know."""

    number: int
    ports: tuple[int, ...]
    key: str = ""


class Colleagues:
    """The other workers; none until `join`."""

    def __init__(self) -> None:
        self._place: Place | None = None

    def join(self, place: Place) -> None:
        """Take *place*."""
        self._place = place

    @property
    def number(self) -> int | None:
        """Which worker this is; None where there is only one."""
        return self._place.number if self._place else None

    def knows(self, key: str | None) -> bool:
        """Return whether *key* is the one that the other workers send; without colleagues nobody's is."""
        own = self._place.key if self._place else ""
        return bool(own) and key is not None and hmac.compare_digest(own.encode(), key.encode())

    def ask(self, path: str, headers: dict[str, str] | None = None) -> dict[int, bytes | None]:
        """Return what each other worker answers to a GET of *path*; None for one that does not with 200.

        This blocks for up to a second: call it in a thread.
        """
        return self._all("GET", path, None, headers or {}, _TIMEOUT)

    def tell(
        self, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, timeout: float = _TIMEOUT
    ) -> dict[int, bytes | None]:
        """Return what each other worker answers to a POST of the JSON *body*; None for one that does not with 200.

        This blocks for up to *timeout* seconds: call it in a thread. A worker that is late may still do it.
        """
        return self._all("POST", path, body, {"content-type": "application/json", **(headers or {})}, timeout)

    def _all(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> dict[int, bytes | None]:
        place = self._place
        if place is None:
            return {}
        others = [number for number in range(len(place.ports)) if number != place.number]
        if not others:
            return {}
        headers = {**headers, KEY_HEADER: place.key}

        def send(number: int) -> bytes | None:
            return _send(place.ports[number], method, path, body, headers, timeout)

        with ThreadPoolExecutor(len(others), thread_name_prefix="colleague") as pool:
            return dict(zip(others, pool.map(send, others), strict=True))


def _send(  # noqa: PLR0917 - one request
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
) -> bytes | None:
    connection = HTTPConnection(_LOOPBACK, port, timeout=timeout)
    separator = "&" if "?" in path else "?"
    try:
        connection.request(method, f"{path}{separator}{ALONE}=1", body, headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return None
    else:
        return body if answer.status == 200 else None  # noqa: PLR2004 - all else is no answer
    finally:
        connection.close()
