"""Every way to forge a token that we know of, in every combination of two, and the answer to each (TA-1).

A cell is an algorithm, a form of key, a trick in the header and a fault in the claims. It is good only where all
four are harmless; any other cell is answered by the same 401, whichever check it fell to.
"""

import base64
import hashlib
import hmac
import json
from collections import Counter
from itertools import product
from random import Random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from bff.testing.issuer import ABSENT, TokenIssuer, encode, new_key, public_jwk

REFUSED = (401, 'Bearer error="invalid_token"')

ALGORITHMS = {
    "own": None,
    "own in lower case": str.lower,
    "own with a blank": lambda own: f"{own} ",
    "none": "none",
    "None": "None",
    "NONE": "NONE",
    "HS256": "HS256",
    "HS384": "HS384",
    "HS512": "HS512",
    "PS256": "PS256",
    "another family": lambda own: "RS256" if own != "RS256" else "ES256",
    "RS512": "RS512",
    "unknown": "XX999",
    "empty": "",
    "missing": ABSENT,
    "null": lambda _: None,
    "a number": 5,
    "a list": ["RS256"],
}
KEYS = [
    "own",
    "a stranger's",
    "public key as PEM",
    "public key as PEM after a BOM",
    "public key as PEM without its line break",
    "public key as SSH",
    "public key as DER",
    "public key as JWK",
    "public key as JWK Set",
    "the empty secret",
    "no signature",
    "a signature of zeros",
    "the signature of another token",
]
HEADERS = {
    "none": {},
    "jwk": "embedded",
    "jku": {"jku": "https://evil.example/jwks"},
    "x5u": {"x5u": "https://evil.example/chain"},
    "x5c": {"x5c": ["MIIB"]},
    "crit unknown": {"crit": ["exp-from-mars"], "exp-from-mars": True},
    "crit b64": {"crit": ["b64"], "b64": True},
    "crit empty": {"crit": []},
    "crit null": {"crit": None},
    "b64 false": {"b64": False},
    "kid missing": {"kid": ABSENT},
    "kid unknown": {"kid": "nobody"},
    "kid of a path": {"kid": "../../dev/null"},
    "kid of SQL": {"kid": "' OR 1=1 --"},
    "kid of a URL": {"kid": "https://evil.example/key"},
    "kid too long": {"kid": "k" * 129},
    "kid empty": {"kid": ""},
    "kid a number": {"kid": 1},
    "kid null": {"kid": None},
    "kid not ASCII": {"kid": "kéy"},
    "kid with a line break": {"kid": "key-1\n"},
    "typ of a proof": {"typ": "dpop+jwt"},
    "typ of a logout token": {"typ": "logout+jwt"},
    "typ a list": {"typ": ["at+jwt"]},
    "typ in capitals": {"typ": "AT+JWT"},
    "typ whole": {"typ": "application/at+jwt"},
    "zip": {"zip": "DEF"},
    "cty": {"cty": "JWT"},
    "deep": {"x": [[[[[[[[[1]]]]]]]]]},
    "long": {"x": "x" * 2100},
    "alg twice": b'{"alg":"none",%s',
    "kid twice": b'{"kid":"nobody",%s',
    "UTF-16": "utf-16",
    "BOM": "utf-8-sig",
    "NaN": b'{"x":NaN,%s',
    "half a character": b'{"x":"\\ud800",%s',
    "no object": b"[1]",
    "no JSON": b"{",
}
HARMLESS_HEADERS = {
    "none",
    "jku",
    "x5u",
    "x5c",
    "jwk",
    "kid missing",
    "typ in capitals",
    "typ whole",
    "zip",
    "cty",
}
CLAIMS = {
    "none": {},
    "exp missing": {"exp": ABSENT},
    "exp null": {"exp": None},
    "exp as text": {"exp": "99999999999"},
    "exp true": {"exp": True},
    "exp a list": {"exp": [99999999999]},
    "exp past": {"exp": 1_600_000_000},
    "exp endless": {"exp": 10**300},
    "nbf ahead": {"nbf": 1_900_000_000},
    "nbf as text": {"nbf": "0"},
    "iat ahead": {"iat": 1_900_000_000},
    "iat true": {"iat": True},
    "iss of a stranger": {"iss": "https://evil.example/"},
    "iss longer": {"iss": "https://id.example.com/x"},
    "iss shorter": {"iss": "https://id.example.com"},
    "iss in a list": {"iss": ["https://id.example.com/"]},
    "iss missing": {"iss": ABSENT},
    "aud of another": {"aud": "another"},
    "aud longer": {"aud": "bff2"},
    "aud missing": {"aud": ABSENT},
    "aud with a number": {"aud": ["bff", 1]},
    "aud an object": {"aud": {"bff": True}},
    "aud among others": {"aud": ["another", "bff"]},
    "sub missing": {"sub": ABSENT},
    "sub empty": {"sub": ""},
    "sub a number": {"sub": 1},
    "sub with a line break": {"sub": "u1\nx-admin: true"},
    "an ID token's nonce": {"nonce": "n"},
    "an ID token's at_hash": {"at_hash": "h"},
    "bound in an unknown way": {"cnf": {"jwk": {}}},
    "bound by a name": {"cnf": {"kid": "k"}},
    "bound to nothing": {"cnf": {}},
    "bound to a key": {"cnf": {"jkt": "x"}},
    "sub twice": b'{"sub":"admin",%s',
    "UTF-16": "utf-16",
    "Infinity": b'{"x":Infinity,%s',
    "beyond all bounds": b'{"x":1e999,%s',
    "deep": {"x": [[[[[[[[[1]]]]]]]]]},
    "no object": b'"text"',
}
HARMLESS_CLAIMS = {"none", "aud among others"}


def written(value, trick):
    """Return the bytes of a header or payload under a *trick*."""
    text = json.dumps(value).encode()
    if isinstance(trick, bytes):
        return trick % text[1:] if b"%s" in trick else trick
    return json.dumps(value).encode(trick) if isinstance(trick, str) else text


class Forger:
    """Makes the token of a cell."""

    def __init__(self, issuer: TokenIssuer, stranger) -> None:
        self._issuer = issuer
        self._own = issuer.algorithm
        self._stranger = stranger
        self._public = issuer.key.public_key()
        self._other_signature = issuer.token().rpartition(".")[2]

    def token(self, algorithm, key, header, claims) -> str:
        stated = ALGORITHMS[algorithm]
        alg = self._own if stated is None else stated(self._own) if callable(stated) else stated
        trick, fault = HEADERS[header], CLAIMS[claims]
        members = {"alg": alg, **(trick if isinstance(trick, dict) else {})}
        if trick == "embedded":
            members["jwk"] = public_jwk(self._stranger, self._own)
        head = written(self._issuer.header(**members), trick if trick != "embedded" else {})
        payload = written(self._issuer.claims(**(fault if isinstance(fault, dict) else {})), fault)
        signed = f"{encode(head)}.{encode(payload)}"
        return f"{signed}.{self._signature(signed.encode(), alg, key)}"

    def _signature(self, signed: bytes, alg, key: str) -> str:
        if key in ("own", "a stranger's"):
            private = self._issuer.key if key == "own" else self._stranger
            name = alg if alg == "PS256" and self._own == "RS256" else self._own
            return encode(get_default_algorithms()[name].sign(signed, private))
        if key == "the signature of another token":
            return self._other_signature
        if key in ("no signature", "a signature of zeros"):
            return "" if key == "no signature" else encode(bytes(64))
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(str(alg), hashlib.sha256)
        return encode(hmac.new(self._secret(key), signed, digest).digest())

    def _secret(self, form: str) -> bytes:
        pem = self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        jwk = self._issuer.published[0]
        return {
            "public key as PEM": lambda: pem,
            "public key as PEM after a BOM": lambda: b"\xef\xbb\xbf" + pem,
            "public key as PEM without its line break": pem.strip,
            "public key as SSH": lambda: self._public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            "public key as DER": lambda: self._public.public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            ),
            "public key as JWK": lambda: json.dumps(jwk).encode(),
            "public key as JWK Set": lambda: json.dumps({"keys": [jwk]}).encode(),
            "the empty secret": lambda: b"",
        }[form]()


def is_good(algorithm, key, header, claims) -> bool:
    return (algorithm, key) == ("own", "own") and header in HARMLESS_HEADERS and claims in HARMLESS_CLAIMS


def cells():
    """Yield every cell with at most two faults, and a thousand of the others."""
    everything = list(product(ALGORITHMS, KEYS, HEADERS, CLAIMS))
    harmless = ({"own"}, {"own"}, HARMLESS_HEADERS, HARMLESS_CLAIMS)
    few, many = [], []
    for cell in everything:
        faults = sum(part not in good for part, good in zip(cell, harmless, strict=True))
        usual = sum(part not in ("own", "none") for part in cell)
        if usual <= 2:
            few.append(cell)
        elif faults:
            many.append(cell)
    return [*few, *Random(7).sample(many, 1000)]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_each_forged_token_is_refused_alike_and_each_good_one_accepted(algorithm, issuer, trusting, keys):
    """Two issuers of different families; what is wrong is never told."""
    issuer("EdDSA", "https://other.example.com/")
    vouching = issuer(algorithm)
    gate = await trusting(vouching, profile="rfc9068")
    forger = Forger(vouching, keys[f"{algorithm} stranger"])

    wrong, counts = [], Counter()
    for cell in cells():
        expected = (200, None) if is_good(*cell) else REFUSED
        verdict = await gate.ask(forger.token(*cell))
        counts[expected] += 1
        if verdict.told != expected:
            wrong.append((cell, verdict.told, verdict.refusal and verdict.refusal.detail))

    assert wrong == []
    assert counts[REFUSED] > 2500
    assert counts[200, None] >= 12


async def test_an_issuer_of_ed25519_keys_takes_both_names_of_its_algorithm(issuer, trusting):
    """AU-3: RFC 9864 gave EdDSA with Ed25519 a name of its own."""
    vouching = issuer("EdDSA")
    gate = await trusting(vouching)

    old = await gate.ask(vouching.token())
    new = await gate.ask(vouching.token(header={"alg": "Ed25519"}))
    other = await gate.ask(vouching.token(header={"alg": "ed25519"}))

    assert [old.status, new.status, other.status] == [200, 200, 401]


@pytest.mark.parametrize("signer", ["RS256", "ES256"])
async def test_no_issuer_vouches_for_the_tokens_of_another(signer, issuer, trusting, keys):
    """AU-8: a key belongs to its issuer, also where both have keys of one name."""
    one, other = issuer(signer), issuer(signer, "https://other.example.com/")
    other.rotate(key=keys[f"{signer} stranger"])
    other.kid = one.kid = "same"
    for vouching in (one, other):
        vouching.published = [public_jwk(vouching.key, signer, kid="same")]
    gate = await trusting(one, other)

    assert (await gate.ask(one.token())).principal.issuer == one.issuer
    assert (await gate.ask(other.token())).principal.issuer == other.issuer
    assert (await gate.ask(one.token(iss=other.issuer))).told == REFUSED
    assert (await gate.ask(other.token(iss=one.issuer))).told == REFUSED


@pytest.mark.parametrize(
    "mangle",
    [
        pytest.param(lambda token: token + "=", id="padding"),
        pytest.param(lambda token: token.replace(".", "=.", 1), id="padding in the header"),
        pytest.param(lambda token: token + ".", id="four parts"),
        pytest.param(lambda token: token + ".e30.e30", id="five parts, as of an encrypted token"),
        pytest.param(lambda token: token.rpartition(".")[0], id="two parts"),
        pytest.param(lambda token: token.rpartition(".")[0] + ".", id="an empty signature"),
        pytest.param(lambda token: token[:-1] + chr(ord(token[-1]) ^ 1), id="another last character"),
        pytest.param(lambda token: token.replace("-", "+").replace("_", "/"), id="the other alphabet"),
        pytest.param(lambda token: token + "A" * 9000, id="too long"),
        pytest.param(lambda token: token[:10] + "!" + token[10:], id="a character of no alphabet"),
        pytest.param(lambda token: json.dumps({"payload": token}).replace(",", ""), id="the JSON form"),
        pytest.param(lambda _: base64.b64encode(b"user:password").decode(), id="a password"),
    ],
)
async def test_what_is_not_quite_a_token_is_none(mangle, issuer, trusting):
    """AU-1, AU-2: there is one spelling of each token."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    good = vouching.token()
    while not set("-_") <= set(good):
        good = vouching.token()

    verdict = await gate.ask(mangle(good))

    assert verdict.told in (REFUSED, (400, 'Bearer error="invalid_request"'))


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        pytest.param({"use": "enc"}, "use", id="for encryption"),
        pytest.param({"key_ops": ["sign"]}, "key_ops", id="for signing"),
        pytest.param({"alg": "RS512"}, "algorithm", id="of another algorithm"),
        pytest.param({"d": "AQAB"}, "private", id="private"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0"}, "private or shared", id="a shared secret"),
        pytest.param({"n": "AQAB"}, "key", id="tiny"),
        pytest.param({"e": "AQ"}, "key", id="of exponent one"),
        pytest.param({"kid": 5}, "kid", id="with a number for a name"),
        pytest.param({"kty": "EC"}, "algorithm", id="of another family by its own word"),
    ],
)
async def test_a_published_key_that_is_not_fit_verifies_nothing(jwk, why, issuer, trusting):
    """AU-4, JK-1: unusable members are skipped; without any key, nobody can be judged."""
    vouching = issuer("RS256")
    vouching.published = [{**vouching.published[0], **jwk}]

    gate = await trusting(vouching)
    verdict = await gate.ask(vouching.token())

    assert verdict.status == 503
    assert why in repr(gate.events)


async def test_a_weak_key_verifies_nothing(issuer, trusting):
    """AU-4: RSA keys have 2048 bits at least; usual code accepts 512."""
    vouching = issuer("RS256")
    vouching.rotate(key=new_key("RS256", bits=1024), keep=0)

    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token())).status == 503
