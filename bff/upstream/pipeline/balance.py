"""Picks the host that a call goes to."""

from collections.abc import Sequence
from itertools import cycle
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

from bff.upstream.message import Origin, Response
from bff.upstream.pipeline.call import Call, Handler


class Host(NamedTuple):
    """One address of an upstream."""

    origin: Origin
    prefix: str

    @classmethod
    def parse(cls, url: str) -> "Host":
        """Return the host that *url* names, such as `https://catalog.internal/api`."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(Origin(parts.scheme, parts.hostname or "", port), parts.path.rstrip("/"))


class Balance:
    """Uses the hosts in turn, beginning at a random one so that workers do not march in step."""

    def __init__(self, hosts: Sequence[Host], rng: Random) -> None:
        start = rng.randrange(len(hosts))
        self._turn = cycle([*hosts[start:], *hosts[:start]])

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on with its host set."""
        call.origin, call.prefix = next(self._turn)
        return await send(call)
