"""A wire between bff and a service that can be cut without anybody being told."""

import asyncio
import contextlib
import threading
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on; after `vanish` the connections of that moment swallow them, and later ones are fine.

    That is how a peer looks that was unplugged, or whose state a firewall has forgotten.

    Attributes:
        deaf: Swallow everything that is sent, over later connections too.
        delay: Seconds that whatever the service says takes longer.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.deaf = False
        self.delay = 0.0
        self._gone: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result(5)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def vanish(self) -> None:
        """Swallow everything that is sent over the connections that are open now."""
        self._loop.call_soon_threadsafe(lambda: self._gone.update(self._open))

    def close(self) -> None:
        """End it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.close()
            return
        self._open.add(writer)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, writer),
                self._pump(far_reader, writer, writer),
                return_exceptions=True,
            )
        finally:
            self._open.discard(writer)
            self._gone.discard(writer)
            for one in (writer, far_writer):
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, side: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if out is side and self.delay:
                await asyncio.sleep(self.delay)
            if side not in self._gone and not self.deaf:
                out.write(data)
        out.close()
