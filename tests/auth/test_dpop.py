"""A token that is bound to a key works only for who has the key, once for each proof (DP-1, RFC 9449, 4.3)."""

import json

import pytest

from bff.auth.keys import thumbprint_of
from bff.store import StoreUnavailable
from bff.store.memory import MemoryStore
from bff.testing.issuer import ABSENT, compact, encode, proof, public_jwk

ORIGIN = "https://api.example.com"
URL = f"{ORIGIN}/graphql"
NO_PROOF = (401, 'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA PS256"')
NOT_VALID = (401, 'DPoP error="invalid_token", algs="ES256 EdDSA PS256"')


class Caller:
    """Has a key and a token bound to it."""

    def __init__(self, gate, issuer, key, clock):
        self.gate = gate
        self.key = key
        self.clock = clock
        self.token = issuer.token(cnf={"jkt": thumbprint_of(public_jwk(key, "ES256"))})
        self.numbers = 0

    def proof(self, *, method="POST", url=URL, token=None, key=None, algorithm="ES256", **changes):
        self.numbers += 1
        fresh = {"jti": f"p{self.numbers}", **changes}
        jti = fresh.pop("jti")
        made = {"now": self.clock.wall(), "jti": jti, **fresh}
        return proof(key or self.key, algorithm, method, url, token or self.token, **made)

    async def ask(self, made=None, **options):
        return await self.gate.ask(self.token, scheme="DPoP", dpop=made or self.proof(), **options)


@pytest.fixture
def caller(issuer, trusting, keys, clock):
    """Return a function that makes a caller of an authenticator with these `dpop` keys."""

    async def make(key=None, store=None, environ=None, **policy):
        vouching = issuer("RS256")
        gate = await trusting(vouching, options={"dpop": {"public_origin": ORIGIN, **policy}})
        return Caller(gate, vouching, key or keys["ES256"], clock)

    return make


async def test_a_proof_makes_the_token_good(caller):
    someone = await caller()

    assert (await someone.ask()).principal.subject == "u1"
    assert (await someone.ask()).principal.subject == "u1"


async def test_without_a_proof_the_token_is_worth_nothing(caller):
    """A stolen token, sent as what it is not."""
    someone = await caller()

    as_bearer = await someone.gate.ask(someone.token, dpop=someone.proof())
    without = await someone.gate.ask(someone.token, scheme="DPoP")

    assert as_bearer.told == (401, 'Bearer error="invalid_token"')
    assert without.told == NO_PROOF


async def test_a_token_that_is_not_bound_does_not_become_so(caller, issuer):
    someone = await caller()
    someone.token = issuer("RS256").token()

    assert (await someone.ask()).told == NOT_VALID


async def test_where_no_origin_is_known_bound_tokens_are_refused(issuer, trusting, keys, clock):
    vouching = issuer("RS256")
    someone = Caller(await trusting(vouching), vouching, keys["ES256"], clock)

    assert (await someone.ask()).told == (401, 'DPoP error="invalid_token"')


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": ABSENT},
        {"htu": "https://other.example.com/graphql"},
        {"htu": f"{ORIGIN}:8443/graphql"},
        {"htu": "http://api.example.com/graphql"},
        {"htu": f"{ORIGIN}/graphql/"},
        {"htu": f"{ORIGIN}/GraphQL"},
        {"htu": "https://api.example.com@evil.example/graphql"},
        {"htu": "https://u:p@api.example.com/graphql"},
        {"htu": "https://[x/graphql"},
        {"htu": "/graphql"},
        {"htu": 5},
        {"htu": ABSENT},
        {"iat": 1_700_000_000 - 61},
        {"iat": 1_700_000_000 + 6},
        {"iat": ABSENT},
        {"iat": True},
        {"iat": "1700000000"},
        {"jti": ABSENT},
        {"jti": ""},
        {"jti": "x" * 257},
        {"jti": 5},
        {"ath": ABSENT},
        {"ath": "x"},
    ],
    ids=str,
)
async def test_a_proof_is_for_this_request_now(changes, caller):
    someone = await caller()

    assert (await someone.ask(someone.proof(**changes))).told == NO_PROOF


@pytest.mark.parametrize(
    "changes",
    [
        {"htu": f"{URL}?query=x#part"},
        {"htu": "HTTPS://API.EXAMPLE.COM/graphql"},
        {"htu": f"{ORIGIN}:443/graphql"},
        {"htu": f"{ORIGIN}/%67raphql"},
        {"iat": 1_700_000_000 - 60},
        {"iat": 1_700_000_000 + 5},
    ],
    ids=str,
)
async def test_what_means_the_same_place_and_time_is_the_same(changes, caller):
    someone = await caller()

    assert (await someone.ask(someone.proof(**changes))).status == 200


async def test_the_host_field_does_not_say_where_we_are(caller):
    """Whoever lures a client to another name gets proofs for that name only."""
    someone = await caller()
    elsewhere = someone.proof(url="https://evil.example/graphql")

    assert (await someone.ask(elsewhere, host="evil.example")).told == NO_PROOF


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"typ": ABSENT},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"jwk": ABSENT},
        {"jwk": "x"},
        {"jwk": {}},
        {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
        {"crit": ["x"]},
        {"b64": False},
    ],
    ids=str,
)
async def test_the_header_of_a_proof_is_as_strict_as_of_any_token(header, caller):
    someone = await caller()
    usual = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(someone.key, "ES256")}
    members = {name: value for name, value in (usual | header).items() if value is not ABSENT}
    claims = json.loads(_payload(someone.proof()))

    verdict = await someone.ask(compact(members, claims, someone.key, "ES256"))

    assert verdict.status == 401


async def test_a_private_key_in_a_proof_is_not_accepted(caller):
    someone = await caller()
    claims = json.loads(_payload(someone.proof()))
    jwk = {**public_jwk(someone.key, "ES256"), "d": encode(b"x" * 32)}

    verdict = await someone.ask(
        compact({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}, claims, someone.key, "ES256")
    )

    assert verdict.told == NO_PROOF


async def test_a_proof_of_another_key_is_refused(caller, keys):
    """Both ways: another key in the proof, and the right key there but another one's signature."""
    someone = await caller()
    stranger = keys["ES256 stranger"]
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(someone.key, "ES256")}
    forged = compact(header, json.loads(_payload(someone.proof())), stranger, "ES256")

    assert (await someone.ask(someone.proof(key=stranger))).told == NOT_VALID
    assert (await someone.ask(forged)).told == NO_PROOF


async def test_two_proofs_are_none(caller):
    someone = await caller()

    assert (await someone.ask(f"{someone.proof()}, {someone.proof()}")).status == 401


@pytest.mark.parametrize("shared", [False, True])
async def test_a_proof_counts_once(shared, caller, clock, issuer, door, keys):
    """Also with another token of the same key; and others may use the same number."""
    vouching = issuer("RS256")
    trusted = {"issuer": vouching.issuer, "audience": ["bff"], "jwks_uri": f"{vouching.issuer}jwks"}
    store = (lambda: MemoryStore(clock)) if shared else None
    gate = await door({"issuers": [trusted], "dpop": {"public_origin": ORIGIN}}, open_store=store)
    someone, other = (
        Caller(gate, vouching, keys["ES256"], clock),
        Caller(gate, vouching, keys["ES256 stranger"], clock),
    )
    made = someone.proof(jti="same")

    first, again = await someone.ask(made), await someone.ask(made)
    of_another = await other.ask(other.proof(jti="same"))

    assert (first.status, again.told, of_another.status) == (200, NO_PROOF, 200)


@pytest.mark.parametrize(("policy", "status"), [("reject", 503), ("accept", 200)])
async def test_without_the_store_policy_decides(policy, status, issuer, door, keys, clock):
    class Away(MemoryStore):
        async def acquire(self, key, ttl):
            raise StoreUnavailable("away")

    vouching = issuer("RS256")
    trusted = {"issuer": vouching.issuer, "audience": ["bff"], "jwks_uri": f"{vouching.issuer}jwks"}
    dpop = {"public_origin": ORIGIN, "on_store_error": policy}
    gate = await door({"issuers": [trusted], "dpop": dpop}, open_store=lambda: Away(clock))

    assert (await Caller(gate, vouching, keys["ES256"], clock).ask()).status == status


async def test_a_proof_may_have_to_carry_a_value_of_ours(issuer, door, keys, clock):
    """Nonce mode: the client is told the value, and it is good for two and a half to five minutes."""
    vouching = issuer("RS256")
    trusted = {"issuer": vouching.issuer, "audience": ["bff"], "jwks_uri": f"{vouching.issuer}jwks"}
    dpop = {"public_origin": ORIGIN, "nonce": "required", "nonce_secret": "env:N"}
    gate = await door({"issuers": [trusted], "dpop": dpop}, environ={"N": "n" * 32})
    someone = Caller(gate, vouching, keys["ES256"], clock)

    without = await someone.ask()
    (nonce,) = [value.decode() for name, value in without.refusal.headers if name == b"dpop-nonce"]
    with_it = await someone.ask(someone.proof(nonce=nonce))
    wrong = await someone.ask(someone.proof(nonce="x"))
    await clock.advance(150)
    late = await someone.ask(someone.proof(nonce=nonce))
    await clock.advance(300)
    too_late = await someone.ask(someone.proof(nonce=nonce))

    assert without.told == (401, 'DPoP error="use_dpop_nonce", algs="ES256 EdDSA PS256"')
    assert [one.status for one in (with_it, wrong, late, too_late)] == [200, 401, 200, 401]


async def test_a_bound_token_is_judged_anew_each_time(caller):
    """AU-10: what was seen is not good without its proof."""
    someone = await caller()
    await someone.ask()

    assert (await someone.gate.ask(someone.token, scheme="DPoP")).told == NO_PROOF


def test_the_thumbprint_is_that_of_the_standard():
    """RFC 7638 section 3.1."""
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
        "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
        "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC"
        "ur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }

    assert thumbprint_of(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def _payload(token):
    import base64  # noqa: PLC0415 - one use

    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
