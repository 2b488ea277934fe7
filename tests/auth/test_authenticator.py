"""Which credentials a request brings, in which order they count, and what the caller is told (AU-1, AU-9 on)."""

import pytest

from bff.auth.authenticator import CallerAuthenticator
from bff.codes import Code
from bff.context import ANONYMOUS, Principal
from bff.events import AuthenticationRefused
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.testing.issuer import ABSENT

REFUSED = (401, 'Bearer error="invalid_token"')
MALFORMED = (400, 'Bearer error="invalid_request"')
MISSING = (401, "Bearer")


@pytest.fixture
async def gate(issuer, trusting):
    """An authenticator that trusts one issuer, found as `gate.issuer`, and lets nobody else in."""
    vouching = issuer("ES256")
    opened = await trusting(vouching)
    opened.issuer = vouching
    return opened


async def test_a_good_token_says_who_calls(gate):
    token = gate.issuer.token(scope="orders:read orders:write", client_id="app", exp=1_700_000_100, iat=ABSENT)

    principal = (await gate.ask(token)).principal

    assert principal == Principal(
        "https://id.example.com/", "u1", frozenset({"orders:read", "orders:write"}), client="app"
    )
    assert principal.expires == 1_700_000_100
    assert principal.token == token
    assert principal.claims["jti"]
    with pytest.raises(TypeError):
        principal.claims["sub"] = "somebody else, in the next request with this token"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "a  b"}, {"a", "b"}),
        ({"scope": ["a", "b", 1]}, {"a", "b"}),
        ({"scope": ABSENT, "scp": ["a"]}, {"a"}),
        ({"scope": ABSENT, "scp": "a b"}, {"a", "b"}),
        ({"scope": ABSENT}, set()),
        ({"scope": {"a": 1}}, set()),
    ],
)
async def test_what_was_granted_is_read_as_issuers_write_it(claims, scopes, gate):
    assert (await gate.ask(gate.issuer.token(**claims))).principal.scopes == scopes


@pytest.mark.parametrize(("value", "tenant"), [("acme", "acme"), (5, None), ("", None), (ABSENT, None)])
async def test_the_tenant_is_the_claim_that_policy_names(value, tenant, issuer, trusting):
    vouching = issuer("ES256")
    gate = await trusting(vouching, tenant_claim="org")

    assert (await gate.ask(vouching.token(org=value))).principal.tenant == tenant


@pytest.mark.parametrize(
    ("authorization", "told"),
    [
        pytest.param(None, MISSING, id="none"),
        pytest.param("Basic dXNlcjpwYXNz", MISSING, id="a scheme of others"),
        pytest.param("Digest username=x, realm=y", MISSING, id="a list of a scheme of others"),
        pytest.param("", MISSING, id="empty"),
        pytest.param("Bearer", MALFORMED, id="no token"),
        pytest.param("Bearer ", MALFORMED, id="no token after the blank"),
        pytest.param("Bearer  TOKEN", MALFORMED, id="two blanks"),
        pytest.param("Bearer\tTOKEN", MISSING, id="a tab"),
        pytest.param("Bearer TOKEN ", MALFORMED, id="a blank at the end"),
        pytest.param("Bearer TOKEN x", MALFORMED, id="two words"),
        pytest.param("Bearer TOKEN, Bearer TOKEN", MALFORMED, id="twice"),
        pytest.param("Basic dXNlcjpwYXNz, Bearer TOKEN", MALFORMED, id="after another scheme"),
        pytest.param("Bearer TOKEN,", MALFORMED, id="a comma"),
        pytest.param("Bearer TOK\u00c9N", MALFORMED, id="not ASCII"),
        pytest.param("Bearer token=TOKEN", REFUSED, id="a parameter"),
        pytest.param("bearer TOKEN", (200, None), id="scheme in lower case"),
        pytest.param("BEARER TOKEN", (200, None), id="scheme in capitals"),
        pytest.param("Bearer TOKEN", (200, None), id="good"),
    ],
)
async def test_what_the_authorization_field_may_be(authorization, told, gate):
    """AU-1, AU-11: status and challenge are exactly these."""
    headers = {}
    if authorization is not None:
        headers["authorization"] = authorization.replace("TOKEN", gate.issuer.token())

    assert (await gate.ask(**headers)).told == told


async def test_a_field_that_comes_twice_is_refused(gate):
    """AU-1: also when both say the same."""
    token = gate.issuer.token().encode()
    headers = Headers([(b"authorization", b"Bearer " + token)] * 2)

    assert (await gate.judge(Arrival("POST", "/graphql", headers, None, "r"))).told == MALFORMED


@pytest.mark.parametrize("query", [b"access_token=x", b"a=1&Access_Token=", b"access_token=x&query={me}"])
async def test_a_token_in_the_url_is_refused_even_beside_a_good_one(query, gate):
    """RFC 6750 section 2.3: it would end up in logs and histories."""
    assert (await gate.ask(query=query)).told == MALFORMED
    assert (await gate.ask(gate.issuer.token(), query=query)).told == MALFORMED


async def test_a_query_that_only_speaks_of_tokens_is_none(gate):
    query = b"query=%7Baccess_token%7D&variables=access_token"

    assert (await gate.ask(gate.issuer.token(), query=query)).status == 200


async def test_where_policy_lets_anybody_in_bad_credentials_still_are_bad(issuer, trusting):
    """Nobody becomes anonymous because of a token that has expired."""
    vouching = issuer("ES256")
    gate = await trusting(vouching, options={"anonymous": "allow"})

    assert (await gate.ask()).principal is ANONYMOUS
    assert (await gate.ask(vouching.token(exp=1))).told == REFUSED
    assert (await gate.ask(authorization="Bearer")).told == MALFORMED
    assert (await gate.ask(authorization="Basic dXNlcjpwYXNz")).told == MISSING


async def test_refusals_have_the_codes_of_the_contract(gate):
    """AU-11: and a message that says nothing of the reason."""
    missing, invalid, malformed = (
        await gate.ask(),
        await gate.ask("x.y.z"),
        await gate.ask(query=b"access_token=1"),
    )

    assert missing.refusal.code is Code.UNAUTHENTICATED
    assert invalid.refusal.code is Code.UNAUTHENTICATED
    assert malformed.refusal.code is Code.BAD_REQUEST
    assert invalid.refusal.message == "The credentials are not valid."


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 1_900_000_000}, "not yet valid"),
        ({"aud": "x"}, "audience"),
        ({"iss": "https://evil.example/"}, "issuer"),
        ({"sub": ""}, "claims"),
        ({"nonce": "n"}, "type"),
    ],
)
async def test_the_reason_is_told_to_the_log_alone(token, reason, gate):
    verdict = await gate.ask(gate.issuer.token(**token))

    (event,) = gate.told(AuthenticationRefused)
    assert (event.reason, event.means, event.request_id) == (reason, "token", "r1")
    assert event.issuer in (gate.issuer.issuer, "")
    assert reason in verdict.refusal.detail
    assert reason not in verdict.refusal.message


async def test_a_token_seen_a_moment_ago_is_good_at_once(gate):
    """AU-10: the second request gets the same principal without waiting."""
    token = gate.issuer.token()
    first = (await gate.ask(token)).principal

    again = gate.auth.authenticator.identify(
        Arrival("POST", "/graphql", Headers([(b"authorization", f"Bearer {token}".encode())]), None, "r2")
    )

    assert again is first


@pytest.mark.parametrize(("left", "good_for"), [(20, 50), (300, 330)])
async def test_a_token_that_was_seen_ends_when_it_ends(left, good_for, gate, clock):
    """AU-10, AU-8: the memory of it never outlives it; the leeway is the same as for any other."""
    token = gate.issuer.token(exp=int(clock.wall()) + left)
    statuses = []
    for _ in range(good_for + 5):
        statuses.append((await gate.ask(token)).status)
        await clock.advance(1)

    assert statuses == [200] * good_for + [401] * 5


async def test_only_so_many_tokens_are_remembered(issuer, trusting):
    vouching = issuer("ES256")
    gate = await trusting(vouching, options={"cache_entries": 5})

    tokens = [vouching.token() for _ in range(20)]
    first = [(await gate.ask(token)).principal for token in tokens]
    again = [(await gate.ask(token)).principal for token in reversed(tokens)]

    assert sum(one is other for one, other in zip(first, reversed(again), strict=True)) == 5


async def test_a_token_may_come_by_another_way(gate):
    """For `connection_init` of a WebSocket: the same judgement."""
    authenticator, arrival = gate.auth.authenticator, Arrival("GET", "/graphql", Headers([]), None, "r1")

    assert authenticator.identify_token("Bearer", gate.issuer.token(), arrival).subject == "u1"
    with pytest.raises(Refusal):
        authenticator.identify_token("Bearer", gate.issuer.token(exp=1), arrival)
    with pytest.raises(Refusal):
        authenticator.identify_token("Bearer", "\udcff", arrival)


class Sessions:
    """Knows one cookie, at once or later."""

    def __init__(self, *, later):
        self.asked = 0
        self._later = later

    def identify(self, arrival):
        self.asked += 1
        known = "s=1" in arrival.headers["cookie"]
        found = Principal("https://id.example.com/", "by cookie") if known else None

        async def later():
            return found

        return later() if self._later else found


@pytest.mark.parametrize("later", [False, True])
async def test_a_cookie_counts_where_there_is_no_token(later, issuer, door):
    """SE-3: and is not even looked at where there is one, good or bad."""
    vouching = issuer("ES256")
    trusted = {"issuer": vouching.issuer, "audience": ["bff"], "jwks_uri": f"{vouching.issuer}jwks"}
    sessions = Sessions(later=later)
    gate = await door({"issuers": [trusted]}, session=sessions)

    assert (await gate.ask(cookie="s=1")).principal.subject == "by cookie"
    assert (await gate.ask(cookie="s=2")).told == MISSING
    assert sessions.asked == 2
    assert (await gate.ask(vouching.token(), cookie="s=1")).principal.subject == "u1"
    assert (await gate.ask("bad", cookie="s=1")).told == REFUSED
    assert sessions.asked == 2


async def test_who_is_let_in_is_never_shown_with_the_token(gate):
    """Neither principal nor authenticator nor anything they hold shows a token when printed."""
    token = gate.issuer.token()
    verdict = await gate.ask(token)

    assert isinstance(gate.auth.authenticator, CallerAuthenticator)
    assert token not in repr(verdict.principal)
    assert token not in repr(vars(gate.auth.authenticator))


async def test_no_refusal_and_no_event_shows_a_part_of_the_token(gate):
    """Neither payload nor signature: the log of a refused token must not help to use it."""
    tokens = [gate.issuer.token(**claims) for claims in ({"exp": 1}, {"aud": "x"}, {"sub": ""}, {"iss": "x"})]
    tokens += [token[:-4] for token in tokens]

    for token in tokens:
        verdict = await gate.ask(token)
        _, payload, signature = token.split(".")
        told = f"{verdict.refusal!r} {vars(verdict.refusal)} {gate.events} {verdict.refusal.__cause__!r}"
        assert payload[:16] not in told
        assert signature[:16] not in told
