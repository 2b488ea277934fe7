"""A whole bff in this process, its policies in a folder, real services behind it."""

import asyncio
import contextlib
import json
import re
import textwrap

import httpx
import pytest

from bff.app import build
from bff.clock import SystemClock
from bff.settings import Settings

PATIENCE = 30


class Running:
    """A bff without ports: requests go straight to its two apps."""

    def __init__(self, service, folder, errors):
        self.service, self.folder, self._errors, self._lines = service, folder, errors, []
        self.front = service.app
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://bff")
        self.admin = httpx.AsyncClient(transport=httpx.ASGITransport(service.admin), base_url="http://localhost")

    @property
    def generation(self):
        return self.front.generation

    def part(self, name):
        return self.generation.parts.all()[name].value

    def write(self, name, text):
        write(self.folder, name, text)

    async def ask(self, query, **headers):
        answer = await self.client.post("/graphql", json={"query": query}, headers=headers)
        return answer.json()

    async def reload(self):
        return await self.admin.post("/admin/api/reload")

    async def change(self, name, text):
        """Write a file and have it read; it has to be good."""
        self.write(name, text)
        answer = await self.reload()
        assert answer.status_code == 200, answer.text

    async def metric(self, name, **labels):
        text = (await self.admin.get("/metrics")).text
        shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        line = re.search(rf"^{name}{re.escape('{' + shown + '}') if shown else ''} (\S+)$", text, re.MULTILINE)
        return float(line[1]) if line else None

    def log(self, **having):
        self._lines += [json.loads(line) for line in self._errors.readouterr().err.splitlines()]
        return [line for line in self._lines if all(line.get(name) == value for name, value in having.items())]


@contextlib.asynccontextmanager
async def lifespan_of(app):
    """Start *app*, and end it, as a server does."""
    inbox, outbox = asyncio.Queue(), asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await task


async def until(true, seconds=PATIENCE):
    """Return when *true* returns something true."""
    async with asyncio.timeout(seconds):
        while not true():
            await SystemClock.sleep(0.005)


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture
async def start(tmp_path, capsys):
    """Return a function that starts a bff with the given policy files, by name."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(files, **settings):
            folder = tmp_path / "policies"
            folder.mkdir(exist_ok=True)
            for name, text in files.items():
                write(folder, name, text)
            whole = {"schema_name": "tests.generations.shop:schema", "watch": False, **settings}
            running = Running(build(Settings(policies=folder, **whole)), folder, capsys)
            await stack.enter_async_context(lifespan_of(running.service.app))
            running.service.lifecycle.ready()
            stack.push_async_callback(running.client.aclose)
            stack.push_async_callback(running.admin.aclose)
            return running

        yield begin
