"""Our own token is renewed before it ends, once for all who need it; an issuer may be away meanwhile (UC-3)."""

import asyncio

import pytest

from bff.events import TokenFetched
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.breaker import signal_of


async def test_the_first_call_gets_a_token_and_the_others_share_it(make_bff, own):
    bff = make_bff(**own, scopes=["orders:read", "orders:write"], audience="orders")

    await asyncio.gather(*(bff.get(key=str(key)) for key in range(50)))
    await bff.get()

    ((request, form),) = bff.network.asked
    assert set(bff.network.tokens) == {"token-1"}
    assert form == {
        "grant_type": "client_credentials",
        "scope": "orders:read orders:write",
        "audience": "orders",
    }
    assert request.headers["authorization"] == "Basic YmZmOnMzY3IzdA=="
    assert (request.method, request.target) == ("POST", "/token")


async def test_the_secret_may_stand_in_the_form(make_bff, own):
    bff = make_bff(**own, client_auth="post")

    await bff.get()

    ((request, form),) = bff.network.asked
    assert (form["client_id"], form["client_secret"]) == ("bff", "s3cr3t")
    assert "authorization" not in request.headers


async def test_a_token_is_renewed_in_the_background_at_80_percent_of_its_life(make_bff, own):
    bff = make_bff(**own)
    await bff.get()
    began = bff.clock.now()

    while len(bff.network.asked) == 1:
        await bff.clock.advance(10)
        await bff.get()
        await bff.clock.advance(0)

    assert 0.75 * 3600 <= bff.clock.now() - began <= 0.8 * 3600 + 10
    assert set(bff.network.tokens) == {"token-1"}
    await bff.get()
    assert bff.network.tokens[-1] == "token-2"


async def test_policy_may_renew_it_sooner(make_bff, own):
    """`credentials.refresh_ahead`."""
    bff = make_bff(**own, refresh_ahead="50%")
    await bff.get()

    await bff.clock.advance(0.5 * 3600)
    await bff.get()
    await bff.clock.advance(0)

    assert len(bff.network.asked) == 2


async def test_the_old_token_is_used_until_ten_seconds_before_its_end_while_the_issuer_is_away(make_bff, own):
    bff = make_bff(**own)
    bff.network.life = 100
    await bff.get()
    bff.network.down = Outcome.CONNECT

    await bff.clock.advance(89.5)
    await bff.get()
    await bff.clock.advance(1)

    assert (await bff.refusal()).outcome is Outcome.AUTH
    assert bff.network.tokens == ["token-1", "token-1"]


async def test_a_background_renewal_that_fails_is_tried_again_later_and_not_with_every_call(make_bff, own):
    bff = make_bff(**own)
    await bff.get()
    bff.network.down = Outcome.SERVER_ERROR
    await bff.clock.advance(0.8 * 3600)

    for _ in range(600):
        await bff.get()
        await bff.clock.advance(0.1)

    assert 2 <= len(bff.network.asked) - 1 <= 8
    bff.network.down = None
    await bff.clock.advance(60)
    await bff.get()
    await bff.clock.advance(0)
    await bff.get()
    assert bff.network.tokens[-1] == "token-2"


async def test_a_hundred_refusals_at_once_cause_one_renewal_and_one_repetition_each(make_bff, own):
    """UC-3: the service forgot our token."""
    bff = make_bff(**own, policy={"bulkhead": {"max_concurrency": 100}})
    await bff.get()
    bff.network.accepts = lambda token: token != "token-1"
    bff.network.seconds = bff.network.thinks = 0.2

    async def all_at_once():
        await asyncio.gather(*(bff.get(key=str(key)) for key in range(100)))

    await bff.clock.run(all_at_once())

    assert len(bff.network.asked) == 2
    assert bff.network.tokens.count("token-1") == 101
    assert bff.network.tokens.count("token-2") == 100


async def test_a_call_that_changes_something_is_repeated_too_for_the_service_has_refused_it(make_bff, own):
    """Table 4.1, row AUTH: the same for unsafe calls."""
    bff = make_bff(**own)
    bff.network.accepts = lambda token: token == "token-2"

    await bff.post()

    assert [request.method for request in bff.network.requests] == ["POST", "POST"]
    assert [request.headers["x-attempt-count"] for request in bff.network.requests] == ["1", "2"]


async def test_a_service_that_accepts_no_token_does_not_make_us_ask_for_one_with_every_call(make_bff, own):
    bff = make_bff(**own)
    bff.network.accepts = lambda token: False

    for _ in range(20):
        assert (await bff.refusal()).status == 401

    assert len(bff.network.asked) == 2
    await bff.clock.advance(6)
    await bff.refusal()
    assert len(bff.network.asked) == 3


async def test_a_forbidden_call_is_not_repeated(make_bff, own):
    """Another token would not be allowed more."""
    bff = make_bff(**own)
    answered = []

    async def forbid(request):
        if request.origin.port == 9199:
            return await bff.network.issue(request)
        answered.append(request)
        return Response(403, {}, b"")

    bff.network.send = forbid

    assert (await bff.refusal()).status == 403
    assert len(answered) == 1


@pytest.mark.parametrize("fault", ["down", "broken", "refusing", "html", "empty", "mac", "eternal", "split"])
async def test_without_a_token_the_service_is_not_asked_and_the_field_says_unauthorized(
    make_bff, own, away, fault
):
    """UC-4; and nothing of the issuer's answer gets into the log but the name of its reason."""
    bff = make_bff(**own)
    bff.network.down = away[fault]

    error = await bff.refusal()

    assert (error.outcome, error.sent, error.code) == (Outcome.AUTH, False, "UPSTREAM_UNAUTHORIZED")
    assert bff.network.requests == []
    (told,) = bff.told(TokenFetched)
    assert told.result == "failed"
    for text in (str(error), repr(told), repr(error.body)):
        assert "leaked" not in text
        assert "s3cr3t" not in text
    assert ("invalid_client" in told.detail) == (fault == "refusing")


async def test_a_slow_issuer_is_given_up_and_calls_do_not_wait_beyond_their_own_time(make_bff, own):
    """UC-4: 3 s, on a real clock; here the call's own time is shorter still."""
    bff = make_bff(
        **own, policy={"timeouts": {"total": "100ms", "attempt": "90ms", "connect": "50ms", "queue": "20ms"}}
    )
    bff.network.seconds = 3600

    error = await bff.refusal()

    assert error.outcome is Outcome.AUTH
    assert "time was up" in error.detail


async def test_an_issuer_that_is_down_is_left_alone_by_its_own_breaker(make_bff, own):
    """UC-4: not the service's breaker, which has nothing to do with it."""
    bff = make_bff(**own, policy={"breaker": {"consecutive_failures": 3}})
    bff.network.down = Outcome.CONNECT

    for _ in range(40):
        await bff.refusal()

    assert len(bff.network.asked) == 5
    bff.network.down = None
    await bff.clock.advance(10)
    await bff.get()
    assert bff.upstreams["orders"].pipelines.circuits["default"].state == "closed"


async def test_a_token_whose_life_is_not_told_is_used_for_a_minute(make_bff, own):
    bff = make_bff(**own)
    bff.network.life = None
    await bff.get()
    await bff.clock.advance(61)

    await bff.get()

    assert bff.network.tokens == ["token-1", "token-2"]


async def test_each_token_is_told_once(make_bff, own):
    """`token_refresh_total{result}`."""
    bff = make_bff(**own)

    await bff.get()
    await bff.get()

    assert [(event.upstream, event.result) for event in bff.told(TokenFetched)] == [("orders", "refreshed")]


def test_a_call_that_had_no_credentials_says_nothing_about_the_service():
    """A half-open breaker must not close because nothing was sent (PL-3)."""
    unsent = UpstreamError(Outcome.AUTH, "no token", sent=False)
    refused = UpstreamError(Outcome.AUTH, "status 401", status=401)

    assert signal_of(unsent, slow=False) == "neutral"
    assert signal_of(refused, slow=False) == "success"
