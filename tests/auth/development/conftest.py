"""A development issuer without a socket, and clients that ask it."""

import base64
import hashlib

import httpx
import pytest
from starlette.applications import Starlette

from bff.auth.development.app import Issuer
from bff.auth.development.keys import Keys
from bff.auth.development.model import Client, IssuerConfig, Person
from bff.auth.development.provider import Provider
from bff.testing import VirtualClock

ISSUER = "http://127.0.0.1:9100"
CALLBACK = "http://127.0.0.1:8000/auth/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
LENA = Person(
    subject="u1",
    role="customer",
    name="Lena Vogt",
    email="lena@example.com",
    scopes={"orders:write", "orders:read"},
    claims={"tenant": "berlin"},
)
CONFIG = IssuerConfig(
    audience=("bff",),
    audiences={"payments"},
    people=(
        LENA,
        Person(subject="u2", role="customer", name="Emil <b>Möller</b>"),
        Person(subject="s1", role="support", name="Ada"),
    ),
    clients=(
        Client(
            id="web",
            secret="env:WEB",
            scopes={"orders:write", "orders:read"},
            redirect_uris=("http://127.0.0.1/auth/callback", "https://app.example.com/auth/callback"),
            post_logout_redirect_uris=("http://127.0.0.1/graphql",),
            backchannel_logout_uri="http://127.0.0.1/auth/backchannel-logout",
        ),
        Client(id="app", redirect_uris=("http://127.0.0.1/app",), algorithm="ES256"),
        Client(
            id="services",
            secret="env:SERVICES",
            scopes={"payments:charge", "payments:read"},
            grants={"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"},
        ),
        Client(id="opaque", secret="env:OPAQUE", grants={"client_credentials"}, tokens="opaque"),
    ),
)
SECRETS = {"web": "web-secret", "services": "services-secret", "opaque": "opaque-secret"}


class Asking:
    """The issuer, asked as clients ask it."""

    def __init__(self, keys):
        self.clock = VirtualClock()
        self.provider = Provider(CONFIG, ISSUER, SECRETS, keys, self.clock)
        app = Starlette(routes=Issuer(self.provider).routes())
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)

    async def authorize(self, **changes):
        asked = {
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid offline_access orders:write",
            "state": "s",
            "nonce": "n",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        asked |= changes
        return await self.http.get("/authorize", params={name: value for name, value in asked.items() if value})

    async def code(self, person="u1", **changes):
        page = await self.authorize(**changes)
        assert page.status_code == 200, page.text
        login = page.text.split('name="login" value="')[1].split('"')[0]
        back = await self.http.post("/authorize", data={"login": login, "person": person})
        return httpx.URL(back.headers["location"]).params

    async def token(self, client="web", **form):
        auth = (client, SECRETS[client]) if client in SECRETS else None
        known = form if auth else {"client_id": client, **form}
        return await self.http.post("/token", data=known, auth=auth)

    async def redeem(self, code, **changes):
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return (
            await self.token(**form, **changes)
            if "client" not in changes
            else await self.token(**{**form, **changes})
        )

    async def log_in(self, **changes):
        answer = await self.redeem((await self.code(**changes))["code"])
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def keys():
    return Keys()


@pytest.fixture
async def asking(keys):
    asking = Asking(keys)
    yield asking
    await asking.http.aclose()
