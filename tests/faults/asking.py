"""A client that costs little, so that what is measured is bff: HTTP/1.1 over connections that stay open."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass
class Reply:
    """What came back over HTTP."""

    status_code: int
    headers: dict[str, str]
    content: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.content)


class Asker:
    """Asks one bff; `async with` closes its connections."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._place = place.hostname, place.port
        self._host = place.netloc
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _reader, writer in self._free:
            writer.close()
        self._free = []

    async def ask(self, query: str, user: str = "nobody") -> Reply:
        """Post *query* in the name of *user*; who stops waiting closes the connection."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(*self._place)
        body = json.dumps({"query": query})
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\n"
            f"authorization: {user}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            writer.write((head + body).encode())
            reply = await self._read(reader)
        except BaseException:
            writer.transport.abort()
            raise
        if reply.headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return reply

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in head[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        content = await reader.readexactly(int(headers["content-length"]))
        return Reply(int(head[0].split()[1]), headers, content)
