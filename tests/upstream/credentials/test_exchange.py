"""A service gets a token that was made for it and for this caller (UC-2)."""

import asyncio

import pytest

from bff.testing import principal
from bff.upstream.outcome import Outcome


async def test_the_callers_token_is_exchanged_for_one_of_the_service(make_bff, exchanged, ann):
    """RFC 8693, section 2.1; the caller's own token stays here."""
    bff = make_bff(**exchanged, scopes=["orders:read"])

    await bff.get(ann)

    ((_, form),) = bff.network.asked
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "ann-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": "orders",
        "scope": "orders:read",
    }
    assert bff.network.tokens == ["token-1"]


async def test_a_token_is_exchanged_once_however_many_calls_there_are(make_bff, exchanged, ann, bob):
    bff = make_bff(**exchanged)

    await asyncio.gather(*(bff.get(who, key=str(key)) for who in (ann, bob) for key in range(20)))
    await bff.get(ann)

    assert sorted(form["subject_token"] for _, form in bff.network.asked) == ["ann-token", "bob-token"]


@pytest.mark.parametrize(("expires", "life", "kept"), [(None, 100, 70), (80, 100, 50), (1000, 100, 70)])
async def test_it_is_kept_until_30_seconds_before_either_token_ends(make_bff, exchanged, expires, life, kept):
    bff = make_bff(**exchanged)
    bff.network.life = life
    until = None if expires is None else bff.clock.wall() + expires
    who = principal("ann", token="t")
    who = type(who)(who.issuer, who.subject, expires=until, token="t")
    await bff.get(who)

    await bff.clock.advance(kept - 1)
    await bff.get(who)
    assert len(bff.network.asked) == 1
    await bff.clock.advance(2)
    await bff.get(who)
    assert len(bff.network.asked) == 2


async def test_policy_may_give_it_up_sooner(make_bff, exchanged, ann):
    """`credentials.expiry_margin`."""
    bff = make_bff(**exchanged, expiry_margin="60s")
    bff.network.life = 100
    await bff.get(ann)

    await bff.clock.advance(39)
    await bff.get(ann)
    assert len(bff.network.asked) == 1
    await bff.clock.advance(2)
    await bff.get(ann)
    assert len(bff.network.asked) == 2


async def test_a_token_that_cannot_be_exchanged_fails_its_own_calls_only(make_bff, exchanged, ann, bob, away):
    bff = make_bff(**exchanged)
    await bff.get(bob)
    bff.network.down = away["refusing"]

    error = await bff.refusal(ann)
    await bff.get(bob)

    assert (error.outcome, error.sent, error.code) == (Outcome.AUTH, False, "UPSTREAM_UNAUTHORIZED")
    assert bff.network.tokens == ["token-1", "token-1"]


async def test_a_caller_without_a_token_is_refused_unless_policy_lets_them_go_without(make_bff, exchanged):
    closed, opened = make_bff(**exchanged), make_bff(**exchanged, anonymous="allow")

    assert (await closed.refusal()).outcome is Outcome.AUTH
    await opened.get()

    assert closed.network.requests == []
    assert "authorization" not in opened.network.requests[0].headers


async def test_refusals_at_once_cause_one_further_exchange(make_bff, exchanged, ann):
    bff = make_bff(**exchanged)
    await bff.get(ann)
    bff.network.accepts = lambda token: token != "token-1"

    await asyncio.gather(*(bff.get(ann, key=str(key)) for key in range(50)))

    assert len(bff.network.asked) == 2


async def test_a_service_that_accepts_no_token_does_not_make_us_exchange_with_every_call(make_bff, exchanged, ann):
    bff = make_bff(**exchanged)
    bff.network.accepts = lambda token: False

    for _ in range(10):
        await bff.refusal(ann)

    assert len(bff.network.asked) == 2
