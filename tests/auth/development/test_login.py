"""The issuer's login: authorization code with PKCE, one page, and no way to be sent elsewhere."""

import httpx
import jwt
import pytest


async def test_discovery_says_what_clients_need(asking):
    said = (await asking.http.get("/.well-known/openid-configuration")).json()

    assert said["issuer"] == "http://127.0.0.1:9100"
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert all(said[name].startswith(said["issuer"]) for name in said if name.endswith(("_endpoint", "_uri")))


async def test_the_keys_are_one_for_each_algorithm_and_public(asking):
    keys = (await asking.http.get("/jwks.json")).json()["keys"]

    assert [(key["kty"], key["alg"], key["use"]) for key in keys[:2]] == [
        ("RSA", "RS256", "sig"),
        ("EC", "ES256", "sig"),
    ]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in keys for name in key}


async def test_the_page_shows_everybody_and_runs_no_script(asking):
    page = await asking.authorize()

    assert page.text.count('<button name="person"') == 3
    assert "Lena Vogt" in page.text
    assert "Emil &lt;b&gt;Möller&lt;/b&gt;" in page.text, "names are text, not markup"
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self' http://127.0.0.1:8000" in policy


async def test_whoever_logs_in_comes_back_with_code_state_and_the_issuers_name(asking):
    """RFC 9207: the client can tell which issuer sent this answer."""
    back = await asking.code()

    assert (back["state"], back["iss"]) == ("s", "http://127.0.0.1:9100")


async def test_a_code_brings_access_token_id_token_and_refresh_token(asking):
    """RFC 9068 for the one, OpenID Connect for the other."""
    answer = await asking.log_in()

    header, access = jwt.get_unverified_header(answer["access_token"]), _claims(answer["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr"} <= access.keys()
    assert (access["sub"], access["aud"], access["client_id"], access["tenant"]) == ("u1", "bff", "web", "berlin")
    assert access["scope"] == "offline_access openid orders:write"
    identity = _claims(answer["id_token"])
    assert (identity["aud"], identity["nonce"], identity["name"]) == ("web", "n", "Lena Vogt")
    assert {"sid", "at_hash", "auth_time"} <= identity.keys()
    assert answer["refresh_token"]


async def test_a_public_client_needs_pkce_only_and_may_sign_with_another_algorithm(asking):
    params = {"client_id": "app", "redirect_uri": "http://127.0.0.1/app", "scope": "openid"}
    back = await asking.code(**params)

    answer = await asking.redeem(back["code"], client="app", redirect_uri="http://127.0.0.1/app")

    assert jwt.get_unverified_header(answer.json()["access_token"])["alg"] == "ES256"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit flow"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no PKCE"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain PKCE"),
        pytest.param({"scope": "openid admin"}, "invalid_scope", id="a scope it may not have"),
        pytest.param({"prompt": "none"}, "login_required", id="without asking the person"),
        pytest.param({"resource": "elsewhere"}, "invalid_target", id="an audience nobody knows"),
    ],
)
async def test_a_wrong_request_is_told_to_the_client(asking, changes, error):
    back = await asking.authorize(**changes)

    told = httpx.URL(back.headers["location"])
    assert (told.path, told.params["error"], told.params["state"]) == ("/auth/callback", error, "s")
    assert told.params["iss"] == "http://127.0.0.1:9100"


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "https://evil.example/auth/callback",
        "http://127.0.0.1:8000/auth/callback/more",
        "http://127.0.0.1:8000/auth/callback?x=1",
        "http://127.0.0.1.evil.example/auth/callback",
        "http://me@127.0.0.1:8000/auth/callback",
        "https://app.example.com:444/auth/callback",
        "https://app.example.com/auth/callback#x",
        "http://127.0.0.1:x/auth/callback",
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(asking, uri):
    """Loopback addresses may have any port (RFC 8252 section 7.3), nothing else may differ."""
    answer = await asking.authorize(redirect_uri=uri)

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_parameter_said_twice_is_refused(asking):
    answer = await asking.http.get("/authorize?client_id=web&client_id=app")

    assert answer.status_code == 400


async def test_a_login_is_finished_once(asking):
    page = await asking.authorize()
    login = page.text.split('name="login" value="')[1].split('"')[0]
    first = await asking.http.post("/authorize", data={"login": login, "person": "u1"})

    second = await asking.http.post("/authorize", data={"login": login, "person": "u1"})

    assert (first.status_code, second.status_code) == (303, 400)


async def test_another_page_cannot_choose_for_the_person(asking):
    page = await asking.authorize()
    login = page.text.split('name="login" value="')[1].split('"')[0]

    answer = await asking.http.post(
        "/authorize", data={"login": login, "person": "u1"}, headers={"origin": "https://evil.example"}
    )

    assert answer.status_code == 403


async def test_a_stronger_login_is_what_was_asked_for(asking):
    """Step-up can be tried out without a second factor."""
    back = await asking.code(acr_values="urn:example:strong")

    access = _claims((await asking.redeem(back["code"])).json()["access_token"])

    assert access["acr"] == "urn:example:strong"


async def test_it_answers_only_under_its_own_name(asking):
    """A page elsewhere that has its name resolved to 127.0.0.1 gets nothing."""
    answer = await asking.http.get("/people", headers={"host": "evil.example:9100"})

    assert answer.status_code == 421


def _claims(token):
    return jwt.decode(token, options={"verify_signature": False})
