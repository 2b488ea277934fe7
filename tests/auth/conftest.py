"""Issuers whose keys a test holds, a web of pages that they are on, and authenticators that trust them."""

import json
from inspect import isawaitable
from random import Random

import pytest

from bff.auth.assemble import open_auth
from bff.policy.auth import AuthPolicy
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.testing import VirtualClock
from bff.testing.issuer import TokenIssuer, new_key
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

ISSUER = "https://id.example.com/"


class Pages:
    """A transport that answers from a few pages, and can be down or slow."""

    def __init__(self):
        self.pages = {}
        self.requests = []
        self.down = False
        self.gate = None

    def put(self, url, content, *, status=200, kind="application/json", **headers):
        """Say what *url* answers: JSON, bytes as they are, or a function of the request that returns either."""
        fields = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.pages[url] = (content, status, fields)

    def asked(self, part=""):
        return [request for request in self.requests if part in request.target]

    async def send(self, request):
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise UpstreamError(Outcome.CONNECT, "nobody is there")
        port = {"https": ":443", "http": ":80"}[request.origin.scheme]
        url = str(request.origin).removesuffix(port) + request.target
        content, status, fields = self.pages.get(url, ({}, 404, {"content-type": "application/json"}))
        if callable(content):
            content = content(request)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Response(status, fields, body)

    async def close(self):
        pass


class Verdict:
    """What the authenticator said about one arrival."""

    def __init__(self, principal=None, refusal=None):
        self.principal = principal
        self.refusal = refusal

    @property
    def status(self):
        return 200 if self.refusal is None else self.refusal.statuses.draft

    @property
    def challenge(self):
        fields = [value.decode() for name, value in self.refusal.headers if name == b"www-authenticate"]
        return fields[0] if len(fields) == 1 else fields or None

    @property
    def told(self):
        """Status and challenge, as a client sees them."""
        return (200, None) if self.refusal is None else (self.status, self.challenge)


class Door:
    """An authenticator and what a test wants to see of it."""

    def __init__(self, auth, pages, clock, events):
        self.auth = auth
        self.pages = pages
        self.clock = clock
        self.events = events

    async def ask(self, token=None, *, scheme="Bearer", method="POST", query=b"", peer="203.0.113.9", **headers):
        """Return the verdict on a request with *token* and further *headers*."""
        fields = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
        if token is not None:
            fields.append((b"authorization", f"{scheme} {token}".encode("latin-1")))
        return await self.judge(Arrival(method, "/graphql", Headers(fields), peer, "r1", query))

    async def judge(self, arrival):
        try:
            found = self.auth.authenticator.identify(arrival)
            return Verdict(await found if isawaitable(found) else found)
        except Refusal as refusal:
            return Verdict(refusal=refusal)

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="session")
def keys():
    """Private keys, made once: `keys["RS256"]`, and a `stranger`'s of each kind."""
    made = {name: new_key(name) for name in ("RS256", "ES256", "EdDSA")}
    return made | {f"{name} stranger": new_key(name) for name in made}


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def pages():
    return Pages()


@pytest.fixture
def issuer(keys, clock, pages):
    """Return a function that makes an issuer whose keys are on the pages."""

    def make(algorithm="RS256", name=ISSUER):
        made = TokenIssuer(name, algorithm, clock=clock, key=keys[algorithm])
        pages.put(f"{name.rstrip('/')}/jwks", lambda _: made.jwks())
        return made

    return make


@pytest.fixture
async def door(clock, pages):
    """Return a function that opens an authenticator by policy; `started` lets it fetch keys at once."""
    opened = []

    async def open_(policy, *, started=True, **options):
        events = []
        auth = open_auth(
            AuthPolicy.model_validate(policy),
            open_transport=lambda _: pages,
            clock=clock,
            rng=Random(1),
            notify=events.append,
            **options,
        )
        opened.append(auth)
        if started:
            await auth.start()
        return Door(auth, pages, clock, events)

    yield open_
    for auth in opened:
        await auth.close()


@pytest.fixture
def trusting(door):
    """Return a function that opens an authenticator which trusts issuers by their published keys."""

    async def open_(*issuers, started=True, options=None, **keys):
        trusted = [
            {
                "issuer": one.issuer,
                "audience": ["bff"],
                "jwks_uri": f"{one.issuer.rstrip('/')}/jwks",
                "algorithms": [one.algorithm],
                **keys,
            }
            for one in issuers
        ]
        return await door({"issuers": trusted, **(options or {})}, started=started)

    return open_
