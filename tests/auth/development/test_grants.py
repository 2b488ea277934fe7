"""The token endpoint: each grant, and what each refuses."""

import jwt
import pytest

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PERSON = "urn:bff:grant-type:person"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


async def refused(answer):
    return answer.status_code, answer.json()["error"]


async def active(asking, token):
    auth = ("services", "services-secret")
    return (await asking.http.post("/introspect", data={"token": token}, auth=auth)).json()["active"]


async def test_a_code_is_good_once_and_its_second_use_revokes_what_the_first_brought(asking):
    """RFC 6749 section 4.1.2: somebody has stolen it."""
    code = (await asking.code())["code"]
    first = (await asking.redeem(code)).json()

    second = await asking.redeem(code)

    assert await refused(second) == (400, "invalid_grant")
    assert await active(asking, first["access_token"]) is False


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"code_verifier": "w" * 43}, id="another verifier"),
        pytest.param({"code_verifier": "short"}, id="a verifier that is none"),
        pytest.param({"redirect_uri": "http://127.0.0.1:8001/auth/callback"}, id="another redirect_uri"),
        pytest.param({"client": "app"}, id="another client"),
    ],
)
async def test_a_code_is_good_only_for_whoever_asked_for_it(asking, changes):
    code = (await asking.code())["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "http://127.0.0.1:8000/auth/callback",
        "code_verifier": "v" * 43,
    }

    assert await refused(await asking.token(**{**form, **changes})) == (400, "invalid_grant")


async def test_a_code_is_good_for_a_minute(asking):
    code = (await asking.code())["code"]
    await asking.clock.advance(61)

    assert await refused(await asking.redeem(code)) == (400, "invalid_grant")


async def test_each_refresh_brings_a_new_refresh_token_and_the_old_one_betrays_a_thief(asking):
    first = await asking.log_in()
    second = (await asking.token(grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]

    reused = await asking.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    after = await asking.token(grant_type="refresh_token", refresh_token=second["refresh_token"])

    assert await refused(reused) == (400, "invalid_grant")
    assert await refused(after) == (400, "invalid_grant"), "the whole family is revoked"


async def test_a_refresh_may_narrow_the_scope_and_never_widen_it(asking):
    first = await asking.log_in()
    narrow = (
        await asking.token(grant_type="refresh_token", refresh_token=first["refresh_token"], scope="openid")
    ).json()

    wide = await asking.token(
        grant_type="refresh_token", refresh_token=narrow["refresh_token"], scope="orders:read"
    )

    assert narrow["scope"] == "openid"
    assert await refused(wide) == (400, "invalid_scope")


async def test_a_client_speaks_for_itself(asking):
    answer = (await asking.token("services", grant_type="client_credentials", audience="payments")).json()

    said = claims(answer["access_token"])
    assert (said["sub"], said["client_id"], said["aud"]) == ("services", "services", "payments")
    assert answer["scope"] == "payments:charge payments:read"
    assert "auth_time" not in said


@pytest.mark.parametrize(
    ("client", "form", "answer"),
    [
        pytest.param(
            "app", {"grant_type": "client_credentials"}, (400, "unauthorized_client"), id="public client"
        ),
        pytest.param(
            "web", {"grant_type": "client_credentials"}, (400, "unauthorized_client"), id="not its grant"
        ),
        pytest.param("services", {"grant_type": "password"}, (400, "unsupported_grant_type"), id="no such grant"),
        pytest.param(
            "services", {"grant_type": "client_credentials", "scope": "x"}, (400, "invalid_scope"), id="scope"
        ),
        pytest.param("nobody", {"grant_type": "client_credentials"}, (401, "invalid_client"), id="unknown client"),
        pytest.param("web", {}, (400, "invalid_request"), id="no grant"),
    ],
)
async def test_what_the_token_endpoint_refuses(asking, client, form, answer):
    assert await refused(await asking.token(client, **form)) == answer


@pytest.mark.parametrize("secret", ["wrong", ""])
async def test_a_client_with_a_secret_is_known_by_nothing_else(asking, secret):
    form = {"grant_type": "client_credentials", "client_id": "services", "client_secret": secret}

    answer = await asking.http.post("/token", data=form)

    assert await refused(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_an_exchanged_token_says_who_acts_for_whom(asking):
    """RFC 8693: narrower, for one audience, never longer than what it came from."""
    subject = (await asking.log_in())["access_token"]
    await asking.clock.advance(200)

    answer = (
        await asking.token(
            "services",
            grant_type=EXCHANGE,
            subject_token=subject,
            subject_token_type=ACCESS_TOKEN,
            audience="payments",
            scope="orders:write",
        )
    ).json()

    said = claims(answer["access_token"])
    assert (said["sub"], said["aud"], said["act"]) == ("u1", "payments", {"sub": "services"})
    assert said["scope"] == "orders:write"
    assert said["exp"] == claims(subject)["exp"]
    assert answer["issued_token_type"] == ACCESS_TOKEN


async def test_an_old_or_forged_token_cannot_be_exchanged(asking):
    token = (await asking.log_in())["access_token"]
    await asking.clock.advance(301)

    for subject in (token, "nonsense", token[:-6] + "AAAAAA"):
        answer = await asking.token(
            "services", grant_type=EXCHANGE, subject_token=subject, subject_token_type=ACCESS_TOKEN
        )
        assert await refused(answer) == (400, "invalid_request")


async def test_an_opaque_token_is_read_by_introspection(asking):
    """RFC 7662."""
    token = (await asking.token("opaque", grant_type="client_credentials")).json()["access_token"]
    auth = ("services", "services-secret")

    said = (await asking.http.post("/introspect", data={"token": token}, auth=auth)).json()
    await asking.clock.advance(301)
    later = (await asking.http.post("/introspect", data={"token": token}, auth=auth)).json()

    assert token.count(".") == 0
    assert (said["active"], said["sub"], said["iss"]) == (True, "opaque", "http://127.0.0.1:9100")
    assert later == {"active": False}


async def test_introspection_is_for_clients_with_a_secret(asking):
    answers = [
        await asking.http.post("/introspect", data={"token": "x", **who})
        for who in ({}, {"client_id": "app"}, {"client_id": "services", "client_secret": "wrong"})
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


async def test_a_person_is_found_by_role_or_subject(asking):
    """`bff token --as`."""
    by_role = (await asking.token("x", grant_type=PERSON, person="customer")).json()
    by_subject = (await asking.token("x", grant_type=PERSON, person="u2", expires_in="3600")).json()

    assert claims(by_role["access_token"])["sub"] == "u1"
    assert by_role["scope"] == "orders:read orders:write"
    assert by_subject["person"]["role"] == "customer"
    assert by_subject["expires_in"] == 3600


@pytest.mark.parametrize(
    "form",
    [{"person": "nobody"}, {"person": "u2", "scope": "orders:write"}, {"person": "u1", "expires_in": "a year"}],
)
async def test_a_wish_for_a_person_that_cannot_be_granted_says_why(asking, form):
    answer = await asking.token("x", grant_type=PERSON, **form)

    assert answer.status_code == 400
    assert answer.json()["error_description"]


async def test_the_end_of_a_session_ends_its_tokens(asking):
    answer = await asking.log_in()

    gone = await asking.http.get(
        "/end-session",
        params={
            "id_token_hint": answer["id_token"],
            "post_logout_redirect_uri": "http://127.0.0.1:8000/graphql",
            "state": "z",
        },
    )

    assert gone.headers["location"] == "http://127.0.0.1:8000/graphql?state=z"
    assert await active(asking, answer["access_token"]) is False
    refresh = await asking.token(grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert await refused(refresh) == (400, "invalid_grant")


async def test_logout_sends_nobody_to_an_address_that_is_not_registered(asking):
    answer = await asking.log_in()

    gone = await asking.http.get(
        "/end-session",
        params={"id_token_hint": answer["id_token"], "post_logout_redirect_uri": "https://evil.example"},
    )

    assert (gone.status_code, "location" in gone.headers) == (200, False)
