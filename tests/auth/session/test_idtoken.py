"""ID tokens, and one test for each advisory of Authlib that concerns them."""

import base64
import hmac
import json
import time
import zlib

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

from bff.auth.session.errors import LoginFailed
from bff.auth.session.idtoken import KeyUnknown, read_identity

NOW = time.time()
ACCESS = "access-token"


def claims(**changes):
    said = {
        "iss": "https://id.example",
        "aud": "bff",
        "sub": "u1",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        "nonce": "n",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def read(token, keys, **changes):
    known = {"issuer": "https://id.example", "client_id": "bff", "nonce": "n", "access_token": ACCESS, "now": NOW}
    return read_identity(token, keys.document()["keys"], **{**known, **changes})


def unsigned(header, payload, signature=b""):
    parts = [
        json.dumps(header).encode(),
        payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        signature,
    ]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_good_one_is_read(keys, algorithm):
    assert read(keys.sign(claims(), typ="JWT", algorithm=algorithm), keys)["sub"] == "u1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"iss": "https://id.example/"}, id="an issuer with a slash more"),
        pytest.param({"iss": "https://id.exampl"}, id="part of the issuer"),
        pytest.param({"aud": "other"}, id="for another client"),
        pytest.param({"aud": None}, id="for nobody"),
        pytest.param({"aud": {"bff": 1}}, id="an audience that is none"),
        pytest.param({"aud": ["bff", "other"]}, id="for several, without azp"),
        pytest.param({"aud": ["bff", "other"], "azp": "other"}, id="for several, to another"),
        pytest.param({"azp": "other"}, id="to another"),
        pytest.param({"nonce": "m"}, id="of another login"),
        pytest.param({"nonce": None}, id="of no login"),
        pytest.param({"exp": int(NOW) - 31}, id="old"),
        pytest.param({"exp": None}, id="without end"),
        pytest.param({"exp": "tomorrow"}, id="with no real end"),
        pytest.param({"iat": int(NOW) + 60}, id="of the future"),
        pytest.param({"sub": None}, id="about nobody"),
        pytest.param({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, id="with another access token"),
    ],
)
def test_one_that_is_not_for_this_login_is_refused(keys, changes):
    with pytest.raises(LoginFailed):
        read(keys.sign(claims(**changes), typ="JWT", algorithm="RS256"), keys)


def test_a_token_of_another_kind_is_refused(keys):
    with pytest.raises(LoginFailed):
        read(keys.sign(claims(), typ="at+jwt", algorithm="RS256"), keys)


def test_cve_2026_28802_no_signature_is_no_signature(keys):
    """Authlib 1.6.5 and 1.6.6 took `alg: none`."""
    for name in ("none", "None", "NONE", ""):
        with pytest.raises(LoginFailed):
            read(unsigned({"alg": name, "kid": keys.document()["keys"][0]["kid"]}, claims()), keys)


def test_cve_2026_27962_a_key_in_the_header_is_not_trusted(keys):
    """Authlib before 1.6.9 verified with the `jwk` that the token brought itself."""
    own = rsa.generate_private_key(65537, 2048)
    public = RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    known = keys.document()["keys"][0]["kid"]

    for headers in ({"jwk": public}, {"jwk": public, "kid": known}, {"jku": "https://evil.example", "kid": known}):
        with pytest.raises(LoginFailed):
            read(jwt.encode(claims(), own, "RS256", headers=headers), keys)


def test_cve_2025_59420_an_unknown_critical_header_is_refused(keys):
    """Authlib before 1.6.4 ignored `crit` (RFC 7515 section 4.1.11)."""
    key = keys._current[0]
    for crit in (["bork"], ["exp"], [], "bork", ["b64"]):
        headers = {"kid": key.id, "crit": crit, "bork": True, "b64": True}
        token = _signed(headers | {"alg": "RS256"}, claims(), key.private)
        with pytest.raises(LoginFailed):
            read(token, keys)


def test_cve_2025_61920_an_oversized_token_is_refused_before_it_is_read(keys):
    """Authlib before 1.6.5 decoded megabytes."""
    header = unsigned({"alg": "RS256", "kid": keys.document()["keys"][0]["kid"]}, b"x" * 3_000_000)
    long_header = unsigned({"alg": "RS256", "kid": "k" * 6000}, claims())

    for token in (header, long_header, "a." * 9000):
        start = time.perf_counter()
        with pytest.raises(LoginFailed):
            read(token, keys)
        assert time.perf_counter() - start < 1


def test_cve_2025_62706_a_compressed_token_is_not_inflated(keys):
    """Authlib before 1.6.5 inflated `zip: DEF` without a limit; encrypted ID tokens are not spoken here."""
    bomb = zlib.compress(b"\0" * 10_000_000)[:8000]
    part = base64.urlsafe_b64encode(bomb).decode().rstrip("=")
    header = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A128GCM","zip":"DEF"}').decode().rstrip("=")

    for token in (f"{header}..AAAA.{part}.AAAA", unsigned({"alg": "RS256", "zip": "DEF"}, bomb)):
        with pytest.raises(LoginFailed):
            read(token, keys)


def test_cve_2022_29217_a_public_key_is_no_shared_secret(keys):
    """Key confusion: HS256 with the public key as the secret."""
    key = keys._current[0]
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "kid": key.id}
    signing = unsigned(header, claims()).rsplit(".", 1)[0]
    mac = hmac.digest(pem, signing.encode(), "sha256")
    token = f"{signing}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    with pytest.raises(LoginFailed):
        read(token, keys)


def test_a_key_is_for_one_algorithm(keys):
    """GHSA-jq35-7prp-9v3f: a key published for RS256 verifies no PS256."""
    key = keys._current[0]

    with pytest.raises(LoginFailed):
        read(jwt.encode(claims(), key.private, "PS256", headers={"kid": key.id}), keys)


def test_an_unknown_key_is_told_apart_because_keys_change(keys):
    key = keys._current[0]

    with pytest.raises(KeyUnknown):
        read(jwt.encode(claims(), key.private, "RS256", headers={"kid": "new"}), keys)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "...", "a.b.c", "é.b.c", "e30.e30.e30", "bnVsbA.e30.e30", "W10.e30.e30", "\ud800.b.c"]
)
def test_nonsense_is_refused(keys, token):
    with pytest.raises(LoginFailed):
        read(token, keys)


def test_a_deeply_nested_token_is_refused(keys):
    key = keys._current[0]
    payload = b'{"a":' * 2000 + b"1" + b"}" * 2000

    with pytest.raises(LoginFailed):
        read(_signed({"alg": "RS256", "kid": key.id}, payload, key.private), keys)


def _signed(header, payload, private):
    signing = unsigned(header, payload).rsplit(".", 1)[0]
    signature = private.sign(signing.encode(), padding.PKCS1v15(), SHA256())
    return f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
