"""One regression test for each advisory about token libraries that concerns us, by its number."""

import hmac
import json
import zlib
from importlib import metadata

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from packaging.version import Version

from bff.policy.problem import PolicyError
from bff.testing.issuer import compact, encode, public_jwk

ISSUER = "https://id.example.com/"
REFUSED = (401, 'Bearer error="invalid_token"')


def forms_of(public) -> dict[str, bytes]:
    """Return the forms in which a public key has been taken for a shared secret."""
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM after white space": b" \n" + pem,
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }


@pytest.mark.parametrize("form", ["PEM", "PEM after white space", "SSH", "DER", "JWK", "JWK after a BOM"])
async def test_cve_2022_29217_a_public_key_is_no_shared_secret(form, issuer, trusting, door, keys, tmp_path):
    """Also GHSA-xgmm, -r6x4, -ffc3, -p4g4, -w2cx: neither where it signs a token nor where policy names it."""
    vouching = issuer("RS256")
    jwk = json.dumps(public_jwk(vouching.key, "RS256")).encode()
    forms = forms_of(vouching.key.public_key()) | {"JWK": jwk, "JWK after a BOM": b"\xef\xbb\xbf" + jwk}
    gate = await trusting(vouching)
    (tmp_path / "secret").write_bytes(forms[form])

    head, payload = (json.dumps(part).encode() for part in (vouching.header(alg="HS256"), vouching.claims()))
    signed = f"{encode(head)}.{encode(payload)}"
    forged = f"{signed}.{encode(hmac.digest(forms[form], signed.encode(), 'sha256'))}"

    assert (await gate.ask(forged)).told == REFUSED
    with pytest.raises(PolicyError, match="not a key for HS256"):
        await door(
            {
                "issuers": [
                    {
                        "issuer": ISSUER,
                        "audience": ["bff"],
                        "algorithms": ["HS256"],
                        "secret": f"file:{tmp_path / 'secret'}",
                    }
                ]
            }
        )


@pytest.mark.parametrize(
    "iss", ["https://id.example.com", "https://id.example.com/x", "id.example.com", [ISSUER], ""]
)
async def test_cve_2024_53861_an_issuer_is_equal_or_another(iss, issuer, trusting):
    vouching = issuer()
    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token(iss=iss))).told == REFUSED
    assert (await gate.ask(vouching.token())).status == 200


@pytest.mark.parametrize("crit", [["x"], ["exp"], ["b64"], [], "exp", None, {}])
async def test_cve_2026_32597_what_is_critical_and_unknown_is_refused(crit, issuer, trusting):
    """Also Authlib's CVE-2025-59420: no extension is known here, so none may be critical."""
    vouching = issuer()
    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token(header={"crit": crit, "x": 1, "exp": 1}))).told == REFUSED


async def test_ghsa_jq35_a_key_for_one_algorithm_does_not_serve_another(issuer, trusting):
    """RS256 by its JWK, PS256 by the token, both accepted of this issuer."""
    vouching = issuer("RS256")
    gate = await trusting(vouching, algorithms=["RS256", "PS256"])
    forged = compact(vouching.header(alg="PS256"), vouching.claims(), vouching.key, "PS256")

    assert (await gate.ask(forged)).told == REFUSED
    assert (await gate.ask(vouching.token())).status == 200


async def test_ghsa_jq35_a_key_that_names_no_algorithm_serves_the_first_that_it_fits(issuer, trusting):
    vouching = issuer("RS256")
    del vouching.published[0]["alg"]
    gate = await trusting(vouching, algorithms=["ES256", "PS256", "RS256"])
    as_ps256 = compact(vouching.header(alg="PS256"), vouching.claims(), vouching.key, "PS256")

    assert (await gate.ask(as_ps256)).status == 200
    assert (await gate.ask(vouching.token())).told == REFUSED


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ftp://id.example.com/jwks", "http://id.example.com/jwks"])
async def test_ghsa_993g_keys_are_fetched_over_https_only(uri, pages, door):
    """An issuer that says by discovery where its keys are cannot send us anywhere else."""
    pages.put(f"{ISSUER}.well-known/openid-configuration", {"issuer": ISSUER, "jwks_uri": uri})

    gate = await door({"issuers": [{"issuer": ISSUER, "audience": ["bff"], "discovery": True}]})

    assert [request.target for request in pages.requests] == ["/.well-known/openid-configuration"]
    assert gate.auth.health() == "failed"


async def test_ghsa_fhv5_keys_survive_a_fetch_that_fails(issuer, trusting, pages, clock):
    vouching = issuer()
    gate = await trusting(vouching)
    pages.put(f"{ISSUER}jwks", {"keys": []})

    await clock.advance(400)

    assert (await gate.ask(vouching.token())).status == 200
    assert gate.auth.health() == "degraded"


async def test_ghsa_w7vc_a_detached_payload_is_refused_before_it_is_read(issuer, trusting):
    vouching = issuer()
    gate = await trusting(vouching)

    assert (await gate.ask(vouching.token(header={"b64": False, "crit": ["b64"]}))).told == REFUSED
    assert (await gate.ask(vouching.token(header={"b64": False}))).told == REFUSED


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_ghsa_9v7f_keys_are_not_fetched_from_where_a_redirect_leads(status, issuer, trusting, pages):
    vouching = issuer()
    pages.put(f"{ISSUER}jwks", b"", status=status, location="https://evil.example/jwks")
    pages.put("https://evil.example/jwks", vouching.jwks())

    gate = await trusting(vouching)

    assert {request.origin.host for request in pages.requests} == {"id.example.com"}
    assert (await gate.ask(vouching.token())).status == 503


async def test_ghsa_2gx3_strangers_cause_one_fetch_in_a_cooldown(issuer, trusting, pages, clock):
    vouching = issuer()
    gate = await trusting(vouching)

    for number in range(300):
        assert (await gate.ask(vouching.token(header={"kid": f"stranger-{number}"}))).told == REFUSED
        await clock.advance(0.1)

    assert len(pages.asked("/jwks")) == 2


@pytest.mark.parametrize("deep", ["[" * 3000 + "]" * 3000, '{"a":' * 1500 + "1" + "}" * 1500])
async def test_ghsa_8wjv_w6j9_no_depth_exhausts_the_stack(deep, issuer, trusting, pages):
    """In a header, in claims, and in a set of keys."""
    vouching = issuer("ES256")
    gate = await trusting(vouching, options={"max_token_bytes": "64KiB"})
    claims = json.dumps(vouching.claims())[:-1] + f',"x":{deep}}}'

    in_claims = compact(vouching.header(), claims.encode(), vouching.key, "ES256")
    pages.put(f"{ISSUER}jwks", f'{{"keys":{deep}}}'.encode())
    in_header = compact(f'{{"x":{deep}}}'.encode(), vouching.claims(), vouching.key, "ES256")

    assert (await gate.ask(in_claims)).told == REFUSED
    assert (await gate.ask(in_header)).told == REFUSED
    assert (await gate.ask(vouching.token(header={"kid": "new"}))).status == 503
    assert (await gate.ask(vouching.token())).status == 200


async def test_ghsa_hxm8_one_token_has_one_spelling(issuer, trusting):
    """Bits that decode to nothing, padding, and characters that lax decoders skip."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    token = vouching.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    respelt = [token[:-1] + alphabet[last | bits] for bits in range(1, 16)]

    assert {(await gate.ask(one)).told for one in respelt if one != token} == {REFUSED}
    assert (await gate.ask(token + "==")).told == REFUSED
    assert (await gate.ask(token[:-2] + "!!" + token[-2:])).told == REFUSED


async def test_cve_2025_61920_a_token_is_measured_before_it_is_read(issuer, trusting):
    vouching = issuer("ES256")
    gate = await trusting(vouching)

    long = await gate.ask(vouching.token(x="x" * 10_000))
    endless = await gate.ask("a" * 2_000_000)

    assert [long.told, endless.told] == [REFUSED, REFUSED]
    assert "more than 8192" in long.refusal.detail


async def test_cve_2025_62706_nothing_is_decompressed(issuer, trusting):
    """A zip bomb comes as an encrypted token, which has five parts, or under `zip`, which no signed token has."""
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    bomb = encode(zlib.compress(b"0" * 1_000_000)[:1500])

    encrypted = f"{encode(json.dumps({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'}).encode())}.k.i.{bomb}.t"
    signed = compact(
        vouching.header(zip="DEF"), zlib.compress(json.dumps(vouching.claims()).encode()), vouching.key, "ES256"
    )

    assert (await gate.ask(encrypted)).told == REFUSED
    assert (await gate.ask(signed)).told == REFUSED


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE"])
async def test_cve_2026_28802_a_token_that_nobody_signed_is_none(alg, issuer, trusting):
    vouching = issuer()
    gate = await trusting(vouching)
    header, payload = json.dumps({"alg": alg}).encode(), json.dumps(vouching.claims()).encode()

    assert (await gate.ask(f"{encode(header)}.{encode(payload)}.")).told == REFUSED
    assert (await gate.ask(f"{encode(header)}.{encode(payload)}.AA")).told == REFUSED


async def test_cve_2026_27962_a_token_does_not_bring_its_own_key(issuer, trusting, keys):
    vouching, stranger = issuer("ES256"), keys["ES256 stranger"]
    gate = await trusting(vouching)
    jwk = public_jwk(stranger, "ES256", kid="mine")

    for header in ({"jwk": jwk}, {"jwk": jwk, "kid": "mine"}, {"jwk": jwk, "kid": vouching.kid}):
        assert (await gate.ask(vouching.token(header=header, key=stranger))).told == REFUSED


def test_cve_2024_33663_python_jose_is_nowhere():
    """Its advisories are open: no part of this product may bring it along."""
    installed = {(distribution.metadata["Name"] or "").lower() for distribution in metadata.distributions()}
    needed = " ".join(metadata.requires("bff") or ()).lower()

    assert "python-jose" not in installed
    assert "python-jose" not in needed


def test_the_token_library_is_not_older_than_its_last_advisory():
    assert Version(metadata.version("pyjwt")) >= Version("2.15.1")
