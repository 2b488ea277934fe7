"""A browser, a BFF and a development issuer, on real sockets."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

import httpx
import jwt
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.responses import JSONResponse

from bff.auth.development.app import Issuer
from bff.auth.development.keys import Keys
from bff.auth.development.model import Client, IssuerConfig, Person
from bff.auth.development.provider import Provider
from bff.auth.session.assemble import open_login
from bff.clock import SystemClock
from bff.codes import Code
from bff.context import Principal
from bff.policy.caching import StorePolicy
from bff.policy.login import Login
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.store.address import Address
from bff.store.memory import MemoryStore
from bff.store.redis_store import RedisStore
from bff.testing.redis_server import RedisServer

MEANT = {"x-bff-csrf": "1"}
"""What a page of ours sends along (SE-3)."""

CONFIG = IssuerConfig(
    people=(
        Person(subject="u1", role="customer", name="Lena Vogt", email="lena@example.com"),
        Person(subject="u2", role="customer", name="Emil Möller"),
    ),
    clients=(
        Client(
            id="bff",
            secret="env:SECRET",
            redirect_uris=("http://127.0.0.1/auth/callback",),
            post_logout_redirect_uris=("http://127.0.0.1/graphql",),
            backchannel_logout_uri="http://127.0.0.1/auth/backchannel-logout",
        ),
        Client(id="other", secret="env:OTHER", redirect_uris=("http://127.0.0.1/auth/callback",)),
    ),
)


class Shifted:
    """The real clock, moved forward by hand: sockets take real time, lifetimes do not."""

    def __init__(self):
        self._ahead = 0.0

    def now(self):
        return SystemClock.now() + self._ahead

    def wall(self):
        return SystemClock.wall() + self._ahead

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)

    def advance(self, seconds):
        self._ahead += seconds


@contextlib.asynccontextmanager
async def served(make):
    """Serve the app that `make(port)` returns, and say where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(make(port), lifespan="off", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])  # without `serve`, whose clock ticks ten times a second only
        yield f"http://127.0.0.1:{port}"
        for one in server.servers:
            one.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)


@dataclass
class Browser:
    """Keeps cookies as a browser does, and follows no redirect by itself."""

    http: httpx.AsyncClient
    cookies: dict = field(default_factory=dict)

    async def request(self, method, url, **options):
        headers = {**options.pop("headers", {})}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.http.request(method, url, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value
        return answer

    async def get(self, url, **options):
        return await self.request("GET", url, **options)

    async def post(self, url, **options):
        return await self.request("POST", url, **options)


@dataclass
class World:
    """All of it, and what happened."""

    clock: Shifted
    issuer: str
    provider: Provider
    requests: list
    events: list
    http: httpx.AsyncClient
    url: str = ""
    parts: object = None
    faults: dict = field(default_factory=dict)
    """Answers of the issuer by path, instead of its own; None lets it hang up."""

    def browser(self):
        return Browser(self.http)

    async def authorize(self, browser, **params):
        """Go as far as the issuer's page, and return its address."""
        answer = await browser.get(f"{self.url}/auth/login", params=params)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def choose(self, location, person="u1"):
        """Choose somebody on the issuer's page, and return the address one is sent back to."""
        page = await self.http.get(location)
        login = page.text.split('name="login" value="')[1].split('"')[0]
        back = await self.http.post(f"{self.issuer}/authorize", data={"login": login, "person": person})
        return back.headers["location"]

    async def log_in(self, browser=None, person="u1", **params):
        browser = browser or self.browser()
        back = await self.choose(await self.authorize(browser, **params), person)
        answer = await browser.get(back)
        assert answer.status_code == 303, answer.text
        return browser

    async def who(self, browser, method="GET", headers=MEANT, **options):
        """Ask something that needs to know who calls."""
        return await browser.request(method, f"{self.url}/who", headers=headers, **options)

    async def me(self, browser):
        return (await browser.get(f"{self.url}/auth/me", headers=MEANT)).json()

    def asked(self, path):
        """Return how often the issuer was asked for *path*."""
        return self.requests.count(path)


@pytest.fixture(scope="session")
def keys():
    return Keys()


@pytest.fixture
async def start(keys):
    """Return a function that starts a BFF in front of an issuer of its own; *policy* changes its login."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10, verify=False))

        async def start(*, store=None, world=None, development=True, verify=None, **policy):
            if world is None:
                world = World(Shifted(), "", None, [], [], http)

                def issuer(port):
                    secrets = {"bff": "bff-secret", "other": "other-secret"}
                    world.issuer = f"http://127.0.0.1:{port}"
                    world.provider = Provider(CONFIG, world.issuer, secrets, keys, world.clock)
                    app = Starlette(routes=Issuer(world.provider).routes())

                    async def breakable(scope, receive, send):
                        world.requests.append(scope["path"])
                        fault = world.faults.get(scope["path"])
                        await (fault or app)(scope, receive, send)

                    return breakable

                await stack.enter_async_context(served(issuer))
            else:
                world = World(world.clock, world.issuer, world.provider, world.requests, world.events, http)

            def judge(token, arrival):
                claims = world.provider.tokens.read(token)
                if claims is None:
                    raise Refusal(Code.UNAUTHENTICATED, "not good")
                return Principal(claims["iss"], claims["sub"], token=token)

            described = {"issuer": world.issuer, "client_id": "bff", "client_secret": "env:LOGIN_TEST_SECRET"}
            parts = open_login(
                Login.model_validate({**described, **policy}),
                store=MemoryStore(world.clock) if store is None else store,
                verify=verify or judge,
                development=development,
                ca=None,
                clock=world.clock,
                notify=world.events.append,
            )
            world.parts = parts
            stack.push_async_callback(parts.close)
            app = FastAPI()
            app.include_router(parts.routes)

            @app.api_route("/who", methods=["GET", "POST"])
            async def who(request: Request):
                client = request.client.host if request.client else None
                arrival = Arrival(request.method, "/who", Headers(request.scope["headers"]), client, "r")
                try:
                    found = parts.sessions.identify(arrival)
                    principal = await found if found is not None else None
                except Refusal as refusal:
                    headers = {name.decode(): value.decode() for name, value in refusal.headers}
                    return JSONResponse({"code": refusal.code.value}, refusal.statuses.draft, headers)
                return {"subject": principal and principal.subject, "token": principal and principal.token}

            world.url = await stack.enter_async_context(served(lambda port: app))
            return world

        yield start


@pytest.fixture
async def world(start):
    return await start()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def shared_store(redis_server):
    """Return a function that opens stores in one Redis; the login closes them."""

    def store():
        return RedisStore(
            Address.parse(f"redis://127.0.0.1:{redis_server.port}/0"),
            StorePolicy(connect_timeout="5s", command_timeout="5s", pool_wait="5s"),
            prefix="bff:test:sessions:",
            use="sessions",
            clock=SystemClock(),
            notify=lambda event: None,
        )

    return store


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("LOGIN_TEST_SECRET", "bff-secret")
    monkeypatch.setenv("LOGIN_TEST_KEY", "k" * 32)
    monkeypatch.setenv("LOGIN_TEST_OLD_KEY", "o" * 32)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def answering(status, body=b"", media_type=b"application/json"):
    """Return an app that always answers so."""

    async def app(scope, receive, send):
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
