"""Keys of issuers: there before they are needed, kept when the issuer is not, never fetched for strangers."""

import asyncio

import pytest

from bff.events import KeysFailed, KeysFetched, KeyUnknown
from bff.testing.issuer import ABSENT

ISSUER = "https://id.example.com/"
JWKS = f"{ISSUER}jwks"
REFUSED = (401, 'Bearer error="invalid_token"')


async def test_keys_are_there_before_the_first_token(issuer, trusting, pages):
    """JK-5: start-up warms all issuers at once."""
    one, other = issuer("RS256"), issuer("ES256", "https://other.example.com/")

    gate = await trusting(one, other)

    assert {request.origin.host for request in pages.requests} == {"id.example.com", "other.example.com"}
    assert gate.auth.health() == "ready"


async def test_a_start_without_the_issuer_is_not_ready_and_no_crash(issuer, trusting, pages, clock):
    """JK-5, lesson 17: its tokens are answered 503, never let in, never 401; it recovers by itself."""
    vouching = issuer()
    pages.down = True
    gate = await trusting(vouching)

    verdict = await gate.ask(vouching.token())
    before = gate.auth.health()
    pages.down = False
    await clock.advance(5)

    assert verdict.told == (503, None)
    assert 1 <= verdict.refusal.retry_after <= 60
    assert before == "failed"
    assert (await gate.ask(vouching.token())).status == 200
    assert gate.auth.health() == "ready"


async def test_without_its_own_keys_an_issuer_does_not_stop_the_others(issuer, trusting, pages):
    one, other = issuer("RS256"), issuer("ES256", "https://other.example.com/")
    pages.put("https://other.example.com/jwks", {}, status=500)
    gate = await trusting(one, other)

    assert (await gate.ask(one.token())).status == 200
    assert (await gate.ask(other.token())).status == 503


@pytest.mark.parametrize(
    ("said", "asked_again_after"),
    [
        pytest.param({}, 300, id="nothing: the policy's soft_ttl"),
        pytest.param({"cache_control": "max-age=120"}, 120, id="within bounds"),
        pytest.param({"cache_control": "max-age=1"}, 60, id="too short"),
        pytest.param({"cache_control": "max-age=9999999"}, 43_200, id="too long: half of hard_ttl"),
    ],
)
async def test_keys_are_fetched_again_in_the_background(said, asked_again_after, issuer, trusting, pages, clock):
    """JK-2."""
    vouching = issuer()
    pages.put(JWKS, lambda _: vouching.jwks(), **said)
    gate = await trusting(vouching)

    await clock.advance(asked_again_after - 1)
    before = len(pages.requests)
    await clock.advance(2)

    assert (before, len(pages.requests)) == (1, 2)
    assert len(gate.told(KeysFetched)) == 2


async def test_for_ten_minutes_without_the_issuer_good_tokens_pass(issuer, trusting, pages, clock):
    """What this must show: an outage of the issuer is not ours."""
    vouching = issuer()
    gate = await trusting(vouching)
    old = vouching.token(exp=int(clock.wall()) + 3600)
    pages.down = True

    statuses = set()
    for _ in range(60):
        await clock.advance(10)
        statuses |= {(await gate.ask(old)).status, (await gate.ask(vouching.token())).status}

    assert statuses == {200}
    assert gate.auth.health() == "degraded"
    assert 5 <= len(gate.told(KeysFailed)) <= 20


async def test_a_failing_fetch_is_repeated_ever_more_rarely(issuer, trusting, pages, clock):
    """JK-2: 1 s doubled up to 60 s, each drawn from its upper half."""
    vouching = issuer()
    pages.down = True

    gate = await trusting(vouching)
    await clock.advance(600)

    pauses = [event.pause for event in gate.told(KeysFailed)]
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses[:6]))
    assert all(30 <= pause <= 60 for pause in pauses[6:])


async def test_after_a_day_without_the_issuer_its_keys_are_trusted_no_more(issuer, trusting, pages, clock):
    """JK-2: hard TTL."""
    vouching = issuer()
    gate = await trusting(vouching, options={"keys": {"hard_ttl": "1h"}})
    pages.down = True

    await clock.advance(3500)
    before = await gate.ask(vouching.token())
    await clock.advance(200)
    after = await gate.ask(vouching.token())

    assert [before.status, after.status] == [200, 503]
    assert gate.auth.health() == "failed"


async def test_a_new_key_is_found_when_its_first_token_comes(issuer, trusting, pages):
    """JK-3: no false 401 at a rotation; JK-4: both keys are good during the overlap."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    before = vouching.token()
    vouching.rotate()

    verdicts = await asyncio.gather(*(gate.ask(vouching.token()) for _ in range(50)), gate.ask(before))

    assert {verdict.status for verdict in verdicts} == {200}
    assert len(pages.asked("/jwks")) == 2
    assert [event.kid for event in gate.told(KeyUnknown)] == [vouching.kid]


async def test_a_new_key_that_cannot_be_fetched_now_is_not_refused(issuer, trusting, pages, clock):
    """JK-3: a rotation while the issuer stumbles is no false 401; a second later the token is good."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    vouching.rotate()
    pages.down = True
    during = await gate.ask(vouching.token())
    pages.down = False

    await clock.advance(1.1)

    assert during.told == (503, None)
    assert during.refusal.retry_after == 1
    assert (await gate.ask(vouching.token())).status == 200


async def test_a_removed_key_is_good_until_the_next_fetch_and_no_longer(issuer, trusting, clock):
    """JK-4, AU-10: also for tokens that were seen a moment ago."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    old = vouching.token(exp=int(clock.wall()) + 3600)
    vouching.rotate(keep=0)
    await clock.advance(298)

    before = [await gate.ask(old), await gate.ask(old)]
    await clock.advance(5)
    after = await gate.ask(old)

    assert [verdict.status for verdict in before] == [200, 200]
    assert after.told == REFUSED


async def test_a_key_that_stays_keeps_what_it_has_verified(issuer, trusting, clock):
    """AU-10: a refresh that changes nothing costs no verification."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    await clock.advance(290)
    token = vouching.token()
    first = (await gate.ask(token)).principal

    await clock.advance(20)

    assert len(gate.told(KeysFetched)) == 2
    assert (await gate.ask(token)).principal is first


async def test_a_thousand_strangers_cause_one_fetch_and_disturb_nobody(issuer, trusting, pages, clock):
    """JK-3: and whoever has a good token is answered at once, even while that fetch hangs."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    strangers = [vouching.token(header={"kid": f"s{number}"}) for number in range(1000)]
    pages.gate = asyncio.Event()

    waiting = [asyncio.create_task(gate.ask(token)) for token in strangers]
    await asyncio.sleep(0)
    good = await asyncio.wait_for(gate.ask(vouching.token()), 5)
    pages.gate.set()
    verdicts = await asyncio.gather(*waiting)

    assert good.status == 200
    assert {verdict.told for verdict in verdicts} == {REFUSED}
    assert len(pages.asked("/jwks")) == 2


async def test_after_the_cooldown_one_more_stranger_is_looked_for(issuer, trusting, pages, clock):
    """JK-3: and never is a name believed to be unknown for longer than that."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    stranger = vouching.token(header={"kid": "soon"})
    await gate.ask(stranger)
    await clock.advance(29)
    early = await gate.ask(stranger)
    asked = len(pages.asked("/jwks"))
    vouching.published[0]["kid"] = vouching.kid = "soon"

    await clock.advance(2)
    late = await gate.ask(vouching.token())

    assert (early.told, asked) == (REFUSED, 2)
    assert late.status == 200


@pytest.mark.parametrize("header", [{"alg": "ES384"}, {"alg": "none"}, {"kid": "k" * 129}, {"typ": "dpop+jwt"}])
async def test_what_can_be_refused_without_a_key_looks_for_none(header, issuer, trusting, pages):
    """AU-9: cheap questions first."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token(header={"kid": "new", **header}))).told == REFUSED
    assert len(pages.requests) == 1


async def test_strangers_push_no_good_key_out(issuer, trusting, pages):
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    for number in range(500):
        await gate.ask(vouching.token(header={"kid": f"s{number}"}))
    pages.down = True

    assert (await gate.ask(vouching.token())).status == 200


async def test_a_token_without_a_key_name_needs_an_issuer_with_one_key(issuer, trusting, clock):
    """AU-6."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)

    alone = await gate.ask(vouching.token(header={"kid": ABSENT}))
    vouching.rotate()
    await clock.advance(400)
    among_two = await gate.ask(vouching.token(header={"kid": ABSENT}))

    assert alone.status == 200
    assert among_two.told == REFUSED


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param({"content": {"keys": []}}, "empty set", id="no keys"),
        pytest.param({"content": {"keys": "x"}}, "not a JWK Set", id="no list"),
        pytest.param({"content": {}}, "not a JWK Set", id="another object"),
        pytest.param({"content": b"{"}, "not strict JSON", id="broken JSON"),
        pytest.param({"content": b'{"keys":[],"keys":[]}'}, "not strict JSON", id="a member named twice"),
        pytest.param({"content": {"keys": [{}] * 101}}, "more than 100", id="too many keys"),
        pytest.param({"content": {"keys": [1, None, {}]}}, "no usable key", id="members of no kind"),
        pytest.param({"content": b" " * 300_000}, "262144 bytes", id="too long"),
        pytest.param({"content": {"keys": []}, "kind": "text/html"}, "content type", id="a page"),
        pytest.param({"content": {}, "status": 500}, "status 500", id="an error"),
        pytest.param({"content": {}, "status": 204}, "status 204", id="nothing"),
    ],
)
async def test_an_answer_that_is_no_set_of_keys_changes_nothing(answer, why, issuer, trusting, pages, clock):
    """JK-1."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    pages.put(JWKS, **answer)

    await clock.advance(301)

    assert why in gate.told(KeysFailed)[-1].detail
    assert (await gate.ask(vouching.token())).status == 200


async def test_one_key_that_cannot_be_used_does_not_spoil_the_others(issuer, trusting):
    vouching = issuer("ES256")
    vouching.published = [{"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}, "x", *vouching.published]

    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token())).status == 200


def discovering(name=ISSUER):
    return {"issuers": [{"issuer": name, "audience": ["bff"], "discovery": True, "algorithms": ["ES256"]}]}


@pytest.mark.parametrize(
    ("name", "metadata"),
    [
        pytest.param(ISSUER, f"{ISSUER}.well-known/openid-configuration", id="OpenID Connect"),
        pytest.param(
            "https://id.example.com/realms/one",
            "https://id.example.com/realms/one/.well-known/openid-configuration",
            id="OpenID Connect with a path",
        ),
        pytest.param(
            "https://id.example.com/realms/one",
            "https://id.example.com/.well-known/oauth-authorization-server/realms/one",
            id="OAuth with a path",
        ),
    ],
)
async def test_an_issuer_says_itself_where_its_keys_are(name, metadata, issuer, door, pages):
    """JK-5."""
    vouching = issuer("ES256", name)
    pages.put(metadata, {"issuer": name, "jwks_uri": f"{name.rstrip('/')}/jwks"})

    gate = await door(discovering(name))

    assert (await gate.ask(vouching.token())).status == 200


@pytest.mark.parametrize("said", ["https://evil.example/", "https://id.example.com", None, [ISSUER]])
async def test_discovery_that_speaks_for_another_issuer_is_not_believed(said, issuer, door, pages):
    """JK-5: letter for letter."""
    vouching = issuer("ES256")
    pages.put(f"{ISSUER}.well-known/openid-configuration", {"issuer": said, "jwks_uri": JWKS})

    gate = await door(discovering())

    assert (await gate.ask(vouching.token())).status == 503
    assert pages.asked("/jwks") == []


async def test_keys_that_move_are_found_where_the_issuer_says(issuer, door, pages, clock):
    vouching = issuer("ES256")
    place = {"issuer": ISSUER, "jwks_uri": JWKS}
    pages.put(f"{ISSUER}.well-known/openid-configuration", lambda _: place)
    gate = await door(discovering())
    place["jwks_uri"] = f"{ISSUER}moved"
    pages.put(JWKS, {}, status=404)
    pages.put(f"{ISSUER}moved", lambda _: vouching.jwks())
    vouching.rotate(keep=0)

    await clock.advance(310)

    assert (await gate.ask(vouching.token())).status == 200


async def test_a_fetch_that_hangs_ends_in_its_time(issuer, trusting, pages):
    """JK-1: 3 s by default; 10 ms here, for this clock is the real one."""
    vouching = issuer("ES256")
    pages.gate = asyncio.Event()

    gate = await trusting(vouching, options={"keys": {"timeout": "10ms"}})

    assert "no answer within 0.01s" in gate.told(KeysFailed)[0].detail
    assert (await gate.ask(vouching.token())).status == 503
