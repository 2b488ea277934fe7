"""Opaque tokens: their issuer is asked, once, and believed for a while (IN-1)."""

import asyncio
import base64
from urllib.parse import parse_qs

import pytest

from bff.events import IntrospectionFailed

ISSUER = "https://id.example.com/"
ENDPOINT = f"{ISSUER}introspect"
REFUSED = (401, 'Bearer error="invalid_token"')
TOKEN = "opaque-token+/9=="


@pytest.fixture
def answer(pages, clock):
    """What the issuer says of every token."""
    said = {"active": True, "sub": "u1", "client_id": "app", "scope": "a b", "exp": int(clock.wall()) + 300}
    pages.put(ENDPOINT, lambda _: said)
    return said


@pytest.fixture
def asking(door, answer):
    """Return a function that opens an authenticator which asks about opaque tokens."""

    async def open_(**keys):
        policy = {
            "endpoint": ENDPOINT,
            "issuer": ISSUER,
            "audience": ["bff"],
            "client_id": "bff:1",
            "client_secret": "env:SECRET",
            **keys,
        }
        return await door({"introspection": policy}, environ={"SECRET": "s3cr&t"})

    return open_


async def test_the_issuer_says_whose_token_it_is(asking, pages):
    gate = await asking()

    principal = (await gate.ask(TOKEN)).principal

    assert (principal.issuer, principal.subject, principal.client) == (ISSUER, "u1", "app")
    assert principal.scopes == {"a", "b"}
    (request,) = pages.requests
    assert request.method == "POST"
    assert parse_qs(request.body.decode()) == {"token": [TOKEN], "token_type_hint": ["access_token"]}
    identity = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
    assert identity == b"bff%3A1:s3cr%26t"


async def test_we_may_identify_ourselves_in_the_form(asking, pages):
    gate = await asking(client_auth="post")

    await gate.ask(TOKEN)

    form = parse_qs(pages.requests[0].body.decode())
    assert (form["client_id"], form["client_secret"]) == (["bff:1"], ["s3cr&t"])
    assert "authorization" not in pages.requests[0].headers


@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"active": None},
        {"exp": 1_600_000_000},
        {"exp": "soon"},
        {"exp": 10**400},
        {"nbf": 1_900_000_000},
        {"aud": "another"},
        {"aud": ["another", 5]},
        {"aud": 5},
        {"iss": "https://evil.example/"},
        {"sub": ""},
        {"sub": 5},
        {"cnf": {"jwk": {}}},
    ],
    ids=str,
)
async def test_only_a_literal_and_whole_yes_is_one(said, asking, answer):
    gate = await asking()
    answer.update(said)

    assert (await gate.ask(TOKEN)).told == REFUSED


async def test_an_answer_is_remembered(asking, pages, clock):
    """A good one for 60 s at most, asked once for all who wait."""
    gate = await asking()
    await asyncio.gather(*(gate.ask(TOKEN) for _ in range(20)))
    await clock.advance(59)
    await gate.ask(TOKEN)
    before = len(pages.requests)

    await clock.advance(2)
    await gate.ask(TOKEN)

    assert (before, len(pages.requests)) == (1, 2)


async def test_a_refusal_is_remembered_for_ten_seconds(asking, answer, pages, clock):
    gate = await asking()
    answer["active"] = False
    for _ in range(3):
        assert (await gate.ask(TOKEN)).told == REFUSED
    asked = len(pages.requests)
    answer["active"] = True

    await clock.advance(11)

    assert asked == 1
    assert (await gate.ask(TOKEN)).status == 200


async def test_a_remembered_token_ends_when_it_ends(asking, answer, clock):
    gate = await asking()
    answer["exp"] = int(clock.wall()) + 20
    first = await gate.ask(TOKEN)

    await clock.advance(21)

    assert (first.status, (await gate.ask(TOKEN)).told) == (200, REFUSED)


async def test_an_issuer_that_cannot_be_asked_logs_nobody_out(asking, pages):
    """503, not 401; and after five failures it is left alone for a moment."""
    gate = await asking()
    pages.down = True

    verdicts = [await gate.ask(f"token-{number}") for number in range(8)]

    assert {verdict.told for verdict in verdicts} == {(503, None)}
    assert all(verdict.refusal.retry_after >= 1 for verdict in verdicts)
    assert len(pages.requests) == 5
    assert len(gate.told(IntrospectionFailed)) == 8


@pytest.mark.parametrize("status", [401, 403, 500, 302])
async def test_an_answer_that_is_none_is_an_outage(status, asking, pages):
    gate = await asking()
    pages.put(ENDPOINT, {"active": True, "sub": "u1"}, status=status)

    assert (await gate.ask(TOKEN)).status == 503


@pytest.mark.parametrize(
    ("after", "said", "status"),
    [
        pytest.param(100, {}, 200, id="within the time that policy allows"),
        pytest.param(200, {}, 503, id="beyond it"),
        pytest.param(100, {"exp": 1_700_000_080}, 401, id="expired meanwhile"),
        pytest.param(100, {"exp": None}, 503, id="without a known end"),
    ],
)
async def test_during_an_outage_a_good_answer_may_be_used_longer(
    after, said, status, asking, answer, pages, clock
):
    gate = await asking(stale_if_error="120s")
    answer.update(said)
    await gate.ask(TOKEN)
    pages.down = True

    await clock.advance(after)

    assert (await gate.ask(TOKEN)).status == status


async def test_by_default_an_outage_ends_what_was_remembered(asking, pages, clock):
    gate = await asking()
    await gate.ask(TOKEN)
    pages.down = True

    await clock.advance(61)

    assert (await gate.ask(TOKEN)).status == 503


async def test_jwts_are_never_sent_to_the_issuer_of_opaque_tokens(asking, issuer, pages):
    gate = await asking()
    vouching = issuer("ES256", "https://other.example.com/")

    assert (await gate.ask(vouching.token())).told == REFUSED
    assert pages.requests == []


@pytest.mark.parametrize("token", ["x" * 9000, "a{b}", "a\u00e9"])
async def test_what_has_not_the_form_of_a_token_is_not_asked_about(token, asking, pages):
    gate = await asking()

    assert (await gate.ask(token)).status in (400, 401)
    assert pages.requests == []
