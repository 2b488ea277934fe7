"""An application in the process of its test: its own schema and policies, in front of services of the test's."""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import msgspec
from ruamel.yaml import YAML

from bff.app import build
from bff.server.ports import ASGIApp, Message
from bff.settings import Settings, load_schema

NOBODY: Final = "http://127.0.0.1:1"
"""Where nobody listens: the host of an upstream that the test does not speak for."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client would read.

    Attributes:
        status: Of HTTP.
        headers: By lower-case name.
        body: The JSON document.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        """What is there; None where nothing is."""
        return self.body.get("data")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What is not there, and why; empty where all went well."""
        found: list[dict[str, Any]] = self.body.get("errors", [])
        return found

    @property
    def degraded(self) -> list[dict[str, Any]]:
        """What is old or a default; empty where nothing is."""
        found: list[dict[str, Any]] = self.body.get("extensions", {}).get("degraded", [])
        return found


class Application:
    """The application in *directory*, under its own policies but for the hosts of its services.

    async with Application({"books": books.url}) as app:
        answer = await app.ask("{ books { title } }")

    Each one begins with an empty cache and closed breakers.
    """

    def __init__(
        self, hosts: Mapping[str, str], *, directory: Path | None = None, schema: str | None = None
    ) -> None:
        """Prepare it; entering it as a context manager starts it.

        Args:
            hosts: Base URL of each upstream; one that is not named cannot be reached, whatever its policy says.
            directory: Where its pyproject.toml is; the current one if not given.
            schema: As `MODULE:ATTRIBUTE`; what `[tool.bff]` in pyproject.toml says if not given.

        Raises:
            ValueError: An upstream in *hosts* has no policy.
        """
        self._directory = place = directory or Path.cwd()
        self._settings = Settings.gather({"schema_name": schema, "watch": False}, environ={}, directory=place)
        self._policies = place / (self._settings.policies or "policies")
        self._hosts = hosts
        known = sorted(file.stem for file in (self._policies / "upstreams").glob("*.yaml"))
        for name in hosts:
            if name not in known:
                raise ValueError(
                    f"no {self._policies}/upstreams/{name}.yaml; there are: {', '.join(known) or 'none'}"
                )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start it.

        Raises:
            SettingsError: There is no such schema, or nobody said which.
            PolicyError: Its policies are not valid.
        """
        load_schema(self._settings.schema_name, directory=self._directory)  # puts the folder on the path
        folder = Path(self._stack.enter_context(TemporaryDirectory())) / "policies"
        shutil.copytree(self._policies, folder)
        for file in (folder / "upstreams").glob("*.yaml"):
            _move(file, self._hosts.get(file.stem, NOBODY))
        service = build(self._settings.model_copy(update={"policies": folder}))
        service.lifecycle.ready()
        self._app = service.app
        await self._stack.enter_async_context(_Lifespan(service.app))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._stack.aclose()

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Send an operation and return its answer.

        Args:
            query: The document.
            variables: Values of its variables.
            operation: Which one, where the document has several.
            headers: Further header fields, such as `authorization`.
        """
        body = msgspec.json.encode({"query": query, "variables": variables or {}, "operationName": operation})
        fields = {"host": "bff.test", "content-type": "application/json", "content-length": str(len(body))}
        fields |= {name.lower(): value for name, value in (headers or {}).items()}
        sent: list[Message] = []
        arrived = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            for message in arrived:
                return message
            return await asyncio.Future()  # the client stays connected until it has its answer

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(_scope(fields), receive, send)
        return _answered(sent)


class _Lifespan:
    """Starts and ends an ASGI app, as a server would."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._running = asyncio.ensure_future(self._app(scope, self._said.get, self._heard.put))
        await self._do("startup")

    async def __aexit__(self, *_: object) -> None:
        await self._do("shutdown")
        await self._running

    async def _do(self, what: str) -> None:
        self._said.put_nowait({"type": f"lifespan.{what}"})
        answer = await self._heard.get()
        if answer["type"] != f"lifespan.{what}.complete":
            raise RuntimeError(f"the application's {what} failed: {answer.get('message')}")


def _scope(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def _answered(sent: list[Message]) -> Answered:
    head = sent[0]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answered(head["status"], headers, msgspec.json.decode(body))


def _move(file: Path, host: str) -> None:
    """Let the policy in *file* name *host* alone; everything else stays as it is written."""
    yaml = YAML()
    policy = yaml.load(file.read_text(encoding="utf-8")) or {}
    policy["hosts"] = [host]
    with file.open("w", encoding="utf-8") as opened:
        yaml.dump(policy, opened)
