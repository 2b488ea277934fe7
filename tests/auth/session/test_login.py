"""Login of people in browsers (SE-1, SE-5, SE-6)."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from bff.clock import SystemClock
from bff.events import LoginRefused, SessionOpened
from bff.policy.login import is_local_path
from bff.store import StoreUnavailable
from bff.store.memory import MemoryStore
from tests.auth.session.conftest import MEANT, answering


async def test_whoever_has_logged_in_is_known_by_the_cookie(world):
    browser = await world.log_in()

    answer = await world.who(browser)

    assert answer.json()["subject"] == "u1"
    assert await world.me(browser) == {
        "authenticated": True,
        "subject": "u1",
        "name": "Lena Vogt",
        "email": "lena@example.com",
        "endsInSeconds": pytest.approx(8 * 3600, abs=10),
    }
    assert SessionOpened() in world.events


async def test_whoever_has_not_is_nobody(world):
    browser = world.browser()

    assert (await world.who(browser)).json()["subject"] is None
    assert await world.me(browser) == {"authenticated": False}


async def test_the_request_for_a_login_has_pkce_state_and_nonce(world):
    """SE-1: authorization code with PKCE S256, state and nonce, all unguessable."""
    first, second = [parse_qs(urlsplit(await world.authorize(world.browser())).query) for _ in range(2)]

    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert set(first["scope"][0].split()) == {"openid", "profile", "offline_access"}
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


async def test_the_cookie_is_as_strict_as_cookies_can_be(world):
    """SE-1: Secure, HttpOnly, SameSite=Strict, Path=/, no Domain, `__Host-`, an id of at least 128 bits."""
    browser = world.browser()
    back = await world.choose(await world.authorize(browser))

    answer = await browser.get(back)

    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith("__Host-bff=")]
    assert re.fullmatch(r"__Host-bff=[A-Za-z0-9_-]{43}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie)


async def test_the_id_is_new_with_each_login_and_the_old_one_ends_soon(world):
    """SE-1 and SE-4: no fixation, and other tabs are not cut off in the middle of a request."""
    browser = await world.log_in()
    old = dict(browser.cookies)
    await world.log_in(browser)
    tab = world.browser()
    tab.cookies |= old

    within = await world.who(tab)
    world.clock.advance(31)
    after = await world.who(tab)

    assert browser.cookies != old
    assert (within.status_code, after.status_code) == (200, 401)
    assert (await world.who(browser)).status_code == 200


async def test_tokens_never_reach_the_browser_or_lie_in_the_store_readable(start):
    """SE-1: the browser has an id, the store has ciphertext."""
    store = MemoryStore(SystemClock())
    world = await start(store=store)
    browser = await world.log_in()

    token = (await world.who(browser)).json()["token"]
    kept = b"".join(value for value, _ in store._values.values())

    assert token.encode() not in kept
    assert b"Lena" not in kept
    assert browser.cookies["__Host-bff"] not in "".join(store._values)
    assert token not in str(await world.me(browser))


async def test_se5_an_attackers_code_and_state_in_the_victims_browser_are_refused(world):
    """SE-5, Authlib CVE-2026-41425 and GHSA-fg6f-75jq-6523: login CSRF."""
    attacker, victim = world.browser(), world.browser()
    back = await world.choose(await world.authorize(attacker), "u2")

    with_nothing = await victim.get(back)
    await world.authorize(victim)
    with_a_login_of_their_own = await victim.get(back)

    assert (with_nothing.status_code, with_a_login_of_their_own.status_code) == (400, 400)
    assert "__Host-bff" not in victim.cookies
    assert (await attacker.get(back)).status_code == 303, "the attempt of another did not use it up"


async def test_a_login_is_finished_once(world):
    browser = world.browser()
    back = await world.choose(await world.authorize(browser))
    cookies = dict(browser.cookies)
    first = await browser.get(back)
    browser.cookies |= cookies

    second = await browser.get(back)

    assert (first.status_code, second.status_code) == (303, 400)


async def test_a_login_takes_ten_minutes_at_most(world):
    browser = world.browser()
    location = await world.authorize(browser)
    world.clock.advance(601)

    answer = await browser.get(f"{world.url}/auth/callback", params={"state": _state(location), "code": "x"})

    assert answer.status_code == 400


async def test_two_tabs_may_log_in_at_the_same_time(world):
    browser = world.browser()
    first, second = await world.authorize(browser), await world.authorize(browser)

    answer = await browser.get(await world.choose(first))

    assert answer.status_code == 303
    assert second != first


@pytest.mark.parametrize("iss", [None, "https://evil.example", "http://127.0.0.1"])
async def test_an_answer_of_another_issuer_is_refused(world, iss):
    """RFC 9207: mix-up."""
    browser = world.browser()
    back = urlsplit(await world.choose(await world.authorize(browser)))
    params = {name: values[0] for name, values in parse_qs(back.query).items()}
    params = {**params, "iss": iss} if iss else {k: v for k, v in params.items() if k != "iss"}

    answer = await browser.get(f"{world.url}/auth/callback", params=params)

    assert answer.status_code == 400
    assert world.asked("/token") == 0, "the code was not sent anywhere"


@pytest.mark.parametrize(
    "query", ["", "?state=x&code=y", "?state=x&state=y&code=z", "?error=access_denied&state=x"]
)
async def test_a_return_that_nobody_asked_for_is_refused(world, query):
    answer = await world.browser().get(f"{world.url}/auth/callback{query}")

    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_what_the_issuer_refuses_is_told_and_nothing_of_it_repeated(world):
    browser = world.browser()
    state = _state(await world.authorize(browser))
    error = "<script>alert(1)</script>"

    answer = await browser.get(
        f"{world.url}/auth/callback", params={"state": state, "error": error, "iss": world.issuer}
    )

    assert answer.status_code == 400
    assert "alert" not in answer.text


async def test_people_return_to_where_they_came_from(world):
    browser = world.browser()
    back = await world.choose(await world.authorize(browser, return_to="/graphql?query=%7B__typename%7D"))

    answer = await browser.get(back)

    assert answer.headers["location"] == "/graphql?query=%7B__typename%7D"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/graphql\\..\\x",
        "graphql",
        "javascript:alert(1)",
        "http:/evil.example",
        "me@evil.example",
        " /graphql",
        "/graphql\r\nset-cookie: x=y",
        "/" + "a" * 3000,
    ],
)
async def test_se6_nobody_is_sent_to_another_host_after_login(world, target):
    """SE-6, Authlib CVE-2026-44681: unvalidated redirect."""
    answer = await world.browser().get(f"{world.url}/auth/login", params={"return_to": target})

    assert answer.status_code == 400
    assert not is_local_path(target)


def test_se6_ordinary_paths_are_local():
    assert all(is_local_path(path) for path in ("/", "/graphql", "/graphql?x=//y", "/a/b#c", "/%5Cx"))


async def test_a_page_may_ask_for_a_stronger_login(world):
    query = parse_qs(urlsplit(await world.authorize(world.browser(), acr_values="mfa", max_age="0")).query)

    assert (query["acr_values"], query["max_age"]) == (["mfa"], ["0"])


async def test_a_policy_adds_parameters_of_its_own(start):
    world = await start(parameters={"audience": "bff"})

    assert parse_qs(urlsplit(await world.authorize(world.browser())).query)["audience"] == ["bff"]


async def test_an_issuer_that_is_away_is_no_fault_of_the_person(world):
    """503, and the next try works."""
    world.faults["/.well-known/openid-configuration"] = answering(500)
    away = await world.browser().get(f"{world.url}/auth/login")
    world.faults.clear()

    assert away.status_code == 503
    assert away.headers["retry-after"]
    assert (await world.who(await world.log_in())).json()["subject"] == "u1"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b'{"issuer": "https://evil.example"}', id="of another issuer"),
        pytest.param(b'{"code_challenge_methods_supported": ["plain"]}', id="without S256"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b" " * 300_000, id="too large"),
    ],
)
async def test_discovery_that_cannot_be_trusted_is_not_used(world, said):
    world.faults["/.well-known/openid-configuration"] = answering(200, said)

    assert (await world.browser().get(f"{world.url}/auth/login")).status_code == 503


async def test_a_code_that_the_issuer_refuses_is_no_login(world):
    browser = world.browser()
    back = await world.choose(await world.authorize(browser))
    world.faults["/token"] = answering(400, b'{"error": "invalid_grant", "error_description": "no"}')

    assert (await browser.get(back)).status_code == 400


async def test_a_store_that_is_away_answers_503(start):
    class Away(MemoryStore):
        async def get(self, keys):
            raise StoreUnavailable("away")

    world = await start(store=Away(SystemClock()))
    browser = world.browser()
    browser.cookies["__Host-bff"] = "a" * 43

    answer = await world.who(browser)

    assert (answer.status_code, answer.json()["code"]) == (503, "AUTH_UNAVAILABLE")
    assert (await browser.get(f"{world.url}/auth/me", headers=MEANT)).status_code == 503
    assert (await browser.post(f"{world.url}/auth/logout", headers=MEANT)).status_code == 503


@pytest.mark.parametrize(
    ("policy", "development"),
    [
        pytest.param({"client_secret": "env:LOGIN_TEST_NOTHING"}, True, id="no client secret"),
        pytest.param({"keys": ["env:LOGIN_TEST_SECRET"]}, True, id="a key that is too short"),
        pytest.param({}, False, id="no public origin outside development"),
    ],
)
async def test_a_login_that_cannot_work_answers_503_and_says_why_in_the_log(start, policy, development):
    """Never open, and never a crash."""
    world = await start(development=development, **policy)

    answers = [await world.browser().get(f"{world.url}/auth/{path}") for path in ("login", "callback", "me")]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    (event,) = world.events
    assert isinstance(event, LoginRefused)
    assert "nobody can log in" in event.detail


async def test_outside_development_the_host_of_a_request_decides_nothing(start):
    world = await start(development=False, public_origin="https://app.example.com")

    location = await world.browser().get(f"{world.url}/auth/login", headers={"host": "evil.example"})

    redirect = parse_qs(urlsplit(location.headers["location"]).query)["redirect_uri"]
    assert redirect == ["https://app.example.com/auth/callback"]


async def test_in_development_only_loopback_names_are_believed(world):
    answer = await world.browser().get(f"{world.url}/auth/login", headers={"host": "evil.example"})

    assert answer.status_code == 503


def _state(location):
    return parse_qs(urlsplit(location).query)["state"][0]
