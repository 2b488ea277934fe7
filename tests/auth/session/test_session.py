"""What holds of a session while it lasts: its lives, its renewal, its end (SE-2, SE-3, SE-4)."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from bff.auth.session.cookies import SESSION
from bff.clock import SystemClock
from bff.events import SessionEnded, SessionRenewed
from bff.store.memory import MemoryStore
from tests.auth.session.conftest import MEANT, answering, claims_of

MINUTE, HOUR = 60, 3600


async def code_of(answer):
    return answer.status_code, answer.json().get("code")


# SE-2: lives


async def test_se2_a_session_unused_for_half_an_hour_has_ended(world):
    browser = await world.log_in()
    world.clock.advance(31 * MINUTE)

    answer = await world.who(browser)

    assert await code_of(answer) == (401, "UNAUTHENTICATED")
    assert SESSION not in browser.cookies, "the browser is told to forget it"


async def test_se2_use_keeps_it_alive_and_nothing_beyond_eight_hours(world):
    browser = await world.log_in()
    for _ in range(23):
        world.clock.advance(20 * MINUTE)
        assert (await world.who(browser)).status_code == 200
    world.clock.advance(21 * MINUTE)

    assert (await world.who(browser)).status_code == 401


async def test_asking_who_is_logged_in_is_no_use_of_the_session(world):
    """A page that asks every minute must not keep a session alive in front of an empty chair."""
    browser = await world.log_in()
    world.clock.advance(20 * MINUTE)
    assert (await world.me(browser))["authenticated"]
    world.clock.advance(11 * MINUTE)

    assert (await world.me(browser)) == {"authenticated": False}


# SE-2: logout


async def test_se2_logout_deletes_the_session_and_leads_to_the_issuers(world):
    browser = await world.log_in()
    stolen = world.browser()
    stolen.cookies |= browser.cookies

    answer = await browser.post(f"{world.url}/auth/logout", headers=MEANT)

    location = urlsplit(answer.json()["location"])
    query = parse_qs(location.query)
    assert f"{location.scheme}://{location.netloc}{location.path}" == f"{world.issuer}/end-session"
    assert query["post_logout_redirect_uri"] == [f"{world.url}/graphql"]
    assert claims_of(query["id_token_hint"][0])["sub"] == "u1"
    assert SESSION not in browser.cookies
    assert (await world.who(stolen)).status_code == 401
    assert SessionEnded("logout", 1) in world.events
    back = await world.http.get(answer.json()["location"])
    assert back.headers["location"].startswith(f"{world.url}/graphql?state=")


async def test_logout_without_a_session_is_no_mistake(world):
    answer = await world.browser().post(f"{world.url}/auth/logout", headers=MEANT)

    assert answer.json() == {"location": "/graphql"}


async def test_logout_cannot_be_a_link(world):
    """SE-3: an image on another page must not log anybody out."""
    browser = await world.log_in()

    assert (await browser.get(f"{world.url}/auth/logout", headers=MEANT)).status_code == 405
    assert (await browser.post(f"{world.url}/auth/logout")).status_code == 403
    assert (await world.me(browser))["authenticated"]


async def test_se2_the_issuers_word_ends_the_session_of_that_login_only(world):
    """Back-channel logout by `sid`."""
    phone, desk, other = await world.log_in(), await world.log_in(), await world.log_in(person="u2")
    answer = await phone.post(f"{world.url}/auth/logout", headers=MEANT)
    again = await world.log_in()
    hint = parse_qs(urlsplit(answer.json()["location"]).query)["id_token_hint"][0]
    session, _ = world.provider.tokens.session_of(hint)
    client = world.provider.client_to_tell({"client_id": "bff", "redirect_uri": "http://127.0.0.1/auth/callback"})
    token = world.provider.tokens.logout(session, client)

    told = await world.http.post(f"{world.url}/auth/backchannel-logout", data={"logout_token": token})

    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    for browser in (desk, other, again):
        assert (await world.me(browser))["authenticated"]


async def test_the_issuer_ends_a_session_here_when_it_ends_elsewhere(world):
    """The whole way: its end-session page sends the logout token."""
    browser = await world.log_in()
    here = next(iter(world.provider._memory.sessions._things.values()))[0]
    hint = world.provider.keys.sign(
        {"iss": world.issuer, "aud": "bff", "sid": here.id, "iat": 1}, typ="JWT", algorithm="RS256"
    )

    await world.http.get(f"{world.issuer}/end-session", params={"id_token_hint": hint})

    for _ in range(200):
        if not (await world.me(browser))["authenticated"]:
            break
        await asyncio.sleep(0.01)
    assert SessionEnded("back-channel", 1) in world.events


async def test_a_logout_token_without_sid_ends_all_sessions_of_the_person(world):
    phone, desk, other = await world.log_in(), await world.log_in(), await world.log_in(person="u2")

    told = await _logout(world, {"sub": "u1"})

    assert told.status_code == 200
    assert [(await world.me(one))["authenticated"] for one in (phone, desk, other)] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "typ"),
    [
        pytest.param({"aud": "other"}, "logout+jwt", id="for another client"),
        pytest.param({"iss": "https://evil.example"}, "logout+jwt", id="of another issuer"),
        pytest.param({"nonce": "n"}, "logout+jwt", id="an ID token in disguise"),
        pytest.param({"events": {}}, "logout+jwt", id="no logout event"),
        pytest.param({"events": "x"}, "logout+jwt", id="events that are none"),
        pytest.param({"sub": None}, "logout+jwt", id="of nobody"),
        pytest.param({"jti": None}, "logout+jwt", id="without jti"),
        pytest.param({"iat": 1}, "logout+jwt", id="old"),
        pytest.param({"iat": "now"}, "logout+jwt", id="of no time"),
        pytest.param({"exp": 1}, "logout+jwt", id="expired"),
        pytest.param({}, "at+jwt", id="an access token"),
    ],
)
async def test_what_is_no_logout_token_ends_nothing(world, changes, typ):
    browser = await world.log_in()

    told = await _logout(world, {"sub": "u1", **changes}, typ=typ)

    assert told.status_code == 400
    assert (await world.me(browser))["authenticated"]


async def test_a_logout_token_works_once(world):
    first = await _logout(world, {"sub": "u1", "jti": "same"})
    second = await _logout(world, {"sub": "u1", "jti": "same"})

    assert (first.status_code, second.status_code) == (200, 400)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {"logout_token": "x"}},
        {"data": {"logout_token": ["x", "y"]}},
        {"data": {"logout_token": "x" * 40_000}},
        {"content": b"logout_token=\xff", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ],
)
async def test_what_is_no_form_with_one_logout_token_is_refused(world, options):
    assert (await world.http.post(f"{world.url}/auth/backchannel-logout", **options)).status_code == 400


# SE-3: only requests that were meant


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_se3_a_request_with_the_cookie_needs_a_header_that_no_foreign_page_can_send(world, method):
    browser = await world.log_in()

    without = await world.who(browser, method, headers={})
    with_one = await world.who(browser, method, headers={"graphql-require-preflight": "1"})
    with_other = await world.who(browser, method, headers=MEANT)

    assert await code_of(without) == (403, "CSRF_PREVENTED")
    assert (with_one.status_code, with_other.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"origin": "https://evil.example"}, 403, id="foreign origin"),
        pytest.param({"origin": "null"}, 403, id="origin of a sandbox"),
        pytest.param({"origin": "https://shop.example.com"}, 200, id="an origin that policy names"),
        pytest.param({"origin": "https://shop.example.com:444"}, 403, id="its host at another port"),
        pytest.param({"origin": "https://shop.example.com.evil.example"}, 403, id="a longer name"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="no origin, from another site"),
        pytest.param({"sec-fetch-site": "same-site"}, 403, id="no origin, from a sister site"),
        pytest.param({"sec-fetch-site": "same-origin"}, 200, id="no origin, from our own page"),
    ],
)
async def test_se3_only_pages_of_known_origins_may_use_the_session(start, headers, status):
    world = await start(origins=["https://shop.example.com"])
    browser = await world.log_in()

    assert (await world.who(browser, headers={**MEANT, **headers})).status_code == status
    assert (await world.who(browser, headers={**MEANT, "origin": world.url})).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "TEXT/PLAIN"],
)
async def test_se3_bodies_that_a_form_could_send_are_refused(world, kind):
    browser = await world.log_in()

    answer = await world.who(browser, "POST", headers={**MEANT, "content-type": kind}, content=b"{}")
    json = await world.who(browser, "POST", headers=MEANT, json={})

    assert await code_of(answer) == (403, "CSRF_PREVENTED")
    assert json.status_code == 200


@pytest.mark.parametrize("value", ["", "x", "a" * 44, "../../etc/passwd", "ä" * 43])
async def test_a_cookie_that_is_none_of_ours_is_a_session_that_has_ended(world, value):
    answer = await world.http.get(f"{world.url}/who", headers={**MEANT, "cookie": f"{SESSION}={value}".encode()})

    assert await code_of(answer) == (401, "UNAUTHENTICATED")


async def test_two_session_cookies_are_none(world):
    """Somebody has planted one; nobody can say which."""
    browser = await world.log_in()
    field = f"{SESSION}={'a' * 43}; {SESSION}={browser.cookies[SESSION]}"

    answer = await world.http.get(f"{world.url}/who", headers={**MEANT, "cookie": field})

    assert answer.status_code == 401


# SE-4: renewal


async def test_se4_a_token_is_renewed_at_four_fifths_of_its_life_without_anybody_waiting(world):
    browser = await world.log_in()
    first = (await world.who(browser)).json()["token"]
    world.clock.advance(239)
    assert (await world.who(browser)).json()["token"] == first
    world.clock.advance(2)

    meanwhile = (await world.who(browser)).json()["token"]

    assert meanwhile == first
    await _renewed(world, 1)
    assert (await world.who(browser)).json()["token"] != first


async def test_se4_a_hundred_requests_cause_one_renewal(world):
    browser = await world.log_in()
    world.clock.advance(299)

    answers = await asyncio.gather(*(world.who(browser) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert world.asked("/token") == 2, "the login and one renewal"


async def test_se4_replicas_share_one_renewal(start, shared_store):
    """A lease in the store; whoever comes second takes what the first has brought."""
    keys = ["env:LOGIN_TEST_KEY"]
    one = await start(store=shared_store(), keys=keys)
    two = await start(world=one, store=shared_store(), keys=keys)
    browser = await one.log_in()
    one.clock.advance(299)

    answers = await asyncio.gather(*(world.who(browser) for world in (one, two) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert one.asked("/token") == 2
    tab = one.browser()
    tab.cookies |= browser.cookies
    await browser.post(f"{one.url}/auth/logout", headers=MEANT)
    assert (await two.who(tab)).status_code == 401, "a logout here is one there, at once"


async def test_sessions_in_redis_need_a_key_that_replicas_share(start, shared_store):
    world = await start(store=shared_store())

    assert (await world.browser().get(f"{world.url}/auth/login")).status_code == 503


async def test_se4_a_refusal_of_the_issuer_ends_the_session(world):
    browser = await world.log_in()
    world.faults["/token"] = answering(400, b'{"error": "invalid_grant"}')
    world.clock.advance(299)

    assert await code_of(await world.who(browser)) == (401, "UNAUTHENTICATED")
    world.faults.clear()
    assert not (await world.me(browser))["authenticated"]
    assert SessionEnded("refused", 1) in world.events


@pytest.mark.parametrize(
    "fault", [(500, b""), (503, b"{}"), (200, b"<html>"), (429, b'{"error": "slow_down"}'), (302, b"")]
)
async def test_se4_trouble_at_the_issuer_keeps_the_session_until_its_token_is_old(world, fault):
    """Nobody is logged out because the issuer has a bad minute."""
    browser = await world.log_in()
    world.faults["/token"] = answering(*fault)
    world.clock.advance(280)

    meanwhile = await world.who(browser)
    world.clock.advance(21)
    too_late = await world.who(browser)
    world.faults.clear()
    world.clock.advance(6)
    well_again = await world.who(browser)

    assert meanwhile.status_code == 200
    assert await code_of(too_late) == (503, "AUTH_UNAVAILABLE")
    assert well_again.status_code == 200


async def test_se4_an_issuer_in_trouble_is_not_asked_with_every_request(world):
    browser = await world.log_in()
    world.faults["/token"] = answering(500)
    world.clock.advance(280)

    for _ in range(20):
        await world.who(browser)

    assert world.asked("/token") == 2


async def test_se4_a_renewal_never_undoes_a_logout(world):
    """Whoever has logged out stays so, however slow the issuer is."""
    browser = await world.log_in()
    world.clock.advance(241)
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        arrived.set()
        await go.wait()
        body = b'{"access_token": "new", "token_type": "Bearer", "expires_in": 300, "refresh_token": "r"}'
        await answering(200, body)(scope, receive, send)

    world.faults["/token"] = slow
    await world.who(browser)
    await arrived.wait()
    stolen = world.browser()
    stolen.cookies |= browser.cookies
    logout = asyncio.create_task(browser.post(f"{world.url}/auth/logout", headers=MEANT))
    await asyncio.sleep(0.05)
    go.set()
    await logout
    await asyncio.sleep(0.05)

    assert not (await world.me(stolen))["authenticated"]


async def test_a_session_of_an_issuer_that_gives_no_refresh_token_ends_with_its_token(start):
    world = await start(scopes=["openid"])
    browser = await world.log_in()
    world.clock.advance(290)
    assert (await world.who(browser)).status_code == 200
    world.clock.advance(11)

    assert (await world.who(browser)).status_code == 401


async def test_a_renewed_login_of_somebody_else_ends_the_session(world):
    browser = await world.log_in()
    other = await world.log_in(person="u2")
    token = (await world.who(other)).json()["token"]
    claims = {**claims_of(token), "aud": "bff"}
    claims = {name: value for name, value in claims.items() if name in {"iss", "sub", "aud", "iat", "exp"}}
    identity = world.provider.keys.sign(claims, typ="JWT", algorithm="RS256")
    body = f'{{"access_token": "{token}", "token_type": "Bearer", "id_token": "{identity}"}}'
    world.faults["/token"] = answering(200, body.encode())
    world.clock.advance(299)

    assert (await world.who(browser)).status_code == 401


# At rest


async def test_keys_are_rotated_without_ending_sessions(start):
    """The first key is for new sessions, the others for reading."""
    store = MemoryStore(SystemClock())
    old = await start(store=store, keys=["env:LOGIN_TEST_OLD_KEY"])
    browser = await old.log_in()

    both = await start(world=old, store=store, keys=["env:LOGIN_TEST_KEY", "env:LOGIN_TEST_OLD_KEY"])
    new = await start(world=old, store=store, keys=["env:LOGIN_TEST_KEY"])

    assert (await both.who(browser)).status_code == 200
    assert (await new.who(browser)).status_code == 401


async def test_what_lies_in_the_store_is_bound_to_its_place(start):
    """Whoever can write to the store cannot give one browser another's session."""
    store = MemoryStore(SystemClock())
    world = await start(store=store)
    mine, theirs = await world.log_in(), await world.log_in(person="u2")
    places = [key for key in store._values if key.startswith("session:")]
    store._values[places[0]], store._values[places[1]] = store._values[places[1]], store._values[places[0]]

    assert [(await world.who(one)).status_code for one in (mine, theirs)] == [401, 401]


async def test_nothing_that_is_told_names_a_token(world):
    """Events become log lines."""
    browser = await world.log_in()
    token = (await world.who(browser)).json()["token"]
    world.clock.advance(241)
    await world.who(browser)
    await _renewed(world, 1)
    await browser.post(f"{world.url}/auth/logout", headers=MEANT)

    told = repr(world.events)
    assert token not in told
    assert browser.cookies.get(SESSION, "-" * 43) not in told
    assert "eyJ" not in told


async def _logout(world, claims, *, typ="logout+jwt"):
    now = int(world.clock.wall())
    said = {
        "iss": world.issuer,
        "aud": "bff",
        "iat": now,
        "exp": now + 120,
        "jti": f"j{now}{claims}",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        **claims,
    }
    token = world.provider.keys.sign(
        {name: value for name, value in said.items() if value is not None}, typ=typ, algorithm="ES256"
    )
    return await world.http.post(f"{world.url}/auth/backchannel-logout", data={"logout_token": token})


async def _renewed(world, times):
    for _ in range(500):
        if sum(isinstance(event, SessionRenewed) for event in world.events) >= times:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was renewed")
