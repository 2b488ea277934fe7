"""With an issuer, services want its tokens, and nobody else's."""

from pathlib import Path

import httpx
import jwt
import pytest

from bff.auth.development.keys import Keys
from bff.clock import SystemClock
from bff.testing.development_issuer import DevelopmentIssuer
from upstreams.simulation.cluster import Cluster
from upstreams.simulation.tokens import Tokens

ROOT = Path(__file__).parents[2]
ISSUER = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def issuer():
    with DevelopmentIssuer(ROOT) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def guarded(issuer):
    with Cluster("accounts", "payments", latency="0ms", issuer=issuer.url) as cluster:
        yield cluster


def ask(url, **headers):
    return httpx.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_token_of_the_issuer_is_good_and_one_that_is_only_called_so_is_not(guarded, issuer):
    me = f"{guarded.url('accounts')}/me"

    good = ask(me, **issuer.headers("customer"))
    made_up = ask(me, authorization="Bearer demo-u1")
    courier = ask(me, **issuer.headers("courier"))

    assert good.json()["id"] == "u1"
    assert (made_up.status_code, courier.status_code) == (401, 401)


def test_a_token_for_somebody_else_is_not_good(guarded, issuer):
    token = issuer.token("customer", audience=["bff"])

    assert ask(f"{guarded.url('accounts')}/me", authorization=f"Bearer {token}").status_code == 401


def test_what_is_public_needs_no_token_and_minds_no_bad_one(guarded):
    users = f"{guarded.url('accounts')}/users?ids=u1"

    assert ask(users).status_code == ask(users, authorization="Bearer x").status_code == 200


def test_payments_takes_the_bffs_own_token_and_the_customer_beside_it(guarded, issuer):
    secret = issuer.environ["BFF_SERVICES_SECRET"]
    form = {"grant_type": "client_credentials", "audience": "payments"}
    token = httpx.post(f"{issuer.url}/token", data=form, auth=("bff-services", secret)).json()["access_token"]
    methods = f"{guarded.url('payments')}/methods"

    named = ask(methods, authorization=f"Bearer {token}", x_subject="u2")
    unnamed = ask(methods, authorization=f"Bearer {token}")
    stolen = ask(methods, x_subject="u2", **issuer.headers("customer"))

    assert named.json()[0]["id"] == "pm2-1"
    assert unnamed.status_code == 401
    assert stolen.json()[0]["id"] == "pm1-1", "a customer cannot speak for another"


async def test_keys_are_fetched_once_and_again_when_they_change():
    keys, asked = Keys(), []

    def get(url):
        asked.append(url)
        return keys.document()

    clock = SystemClock()
    tokens = Tokens(ISSUER, "accounts", clock, get)

    def token():
        now = int(clock.wall())
        claims = {"iss": ISSUER, "sub": "u1", "aud": "services", "client_id": "x", "iat": now, "exp": now + 60}
        return f"Bearer {keys.sign(claims, typ='at+jwt', algorithm='RS256')}"

    first = [await tokens.read(token()) for _ in range(5)]
    keys.rotate()
    tokens._fetched -= 2
    second = await tokens.read(token())

    assert all(first)
    assert second
    assert asked == [f"{ISSUER}/jwks.json"] * 2


@pytest.mark.parametrize(
    "changes",
    [{"iss": "http://evil.example"}, {"aud": "bff"}, {"exp": 1}, {"sub": None}, {"client_id": None}],
)
async def test_a_token_that_says_something_else_is_not_good(changes):
    keys, clock = Keys(), SystemClock()
    tokens = Tokens(ISSUER, "accounts", clock, lambda url: keys.document())
    now = int(clock.wall())
    claims = {"iss": ISSUER, "sub": "u1", "aud": "services", "client_id": "x", "exp": now + 60, **changes}
    known = {name: value for name, value in claims.items() if value is not None}

    assert await tokens.read(f"Bearer {keys.sign(known, typ='at+jwt', algorithm='ES256')}") is None


async def test_an_issuer_that_is_away_makes_nobody_welcome():
    def get(url):
        raise OSError("away")

    token = jwt.encode({"sub": "u1"}, "k" * 32, "HS256", headers={"typ": "at+jwt", "kid": "x"})

    assert await Tokens(ISSUER, "accounts", SystemClock(), get).read(f"Bearer {token}") is None
