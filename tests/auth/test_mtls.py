"""A token that is bound to a client certificate, as a proxy passes it on (MT-1, RFC 8705, RFC 9440)."""

import base64
import hashlib

import pytest

from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.testing.issuer import encode

REFUSED = (401, 'Bearer error="invalid_token"')
CERTIFICATE = b"\x30\x82 a certificate, byte by byte"
PROXY = "10.1.2.3"


def field_of(certificate):
    return f":{base64.b64encode(certificate).decode()}:"


@pytest.fixture
async def gate(issuer, trusting):
    vouching = issuer("ES256")
    opened = await trusting(vouching, options={"mtls": {"trusted_proxies": ["10.0.0.0/8", "fd00::/8"]}})
    opened.token = vouching.token(cnf={"x5t#S256": encode(hashlib.sha256(CERTIFICATE).digest())})
    opened.plain = vouching.token()
    return opened


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.1.2.3", "fd00::1"])
async def test_the_certificate_that_a_trusted_proxy_saw_makes_the_token_good(peer, gate):
    for _ in range(2):
        assert (await gate.ask(gate.token, client_cert=field_of(CERTIFICATE), peer=peer)).status == 200


@pytest.mark.parametrize("peer", ["203.0.113.9", "11.0.0.1", "fe80::1", "", "unix:"])
async def test_nobody_else_can_say_so(peer, gate):
    assert (await gate.ask(gate.token, client_cert=field_of(CERTIFICATE), peer=peer)).told == REFUSED


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(field_of(b"another"), id="another certificate"),
        pytest.param(field_of(CERTIFICATE).strip(":"), id="no byte sequence"),
        pytest.param("::", id="empty"),
        pytest.param(":A:", id="no base64"),
        pytest.param(f"{field_of(CERTIFICATE)}, {field_of(CERTIFICATE)}", id="two"),
        pytest.param(f":{'A' * 20_000}:", id="endless"),
    ],
)
async def test_another_certificate_or_none_does_not(field, gate):
    assert (await gate.ask(gate.token, client_cert=field, peer=PROXY)).told == REFUSED
    assert (await gate.ask(gate.token, peer=PROXY)).told == REFUSED


@pytest.mark.parametrize(("peer", "left"), [("203.0.113.9", []), (PROXY, ["client-cert", "client-cert-chain"])])
async def test_what_others_say_about_certificates_goes_no_further(peer, left, gate):
    """Services behind must not believe it either."""
    fields = [
        (b"client-cert", field_of(CERTIFICATE).encode()),
        (b"client-cert-chain", b":AA==:"),
        (b"authorization", f"Bearer {gate.plain}".encode()),
    ]
    arrival = Arrival("POST", "/graphql", Headers(fields), peer, "r1")

    assert (await gate.judge(arrival)).status == 200
    assert [name for name in arrival.headers if name.startswith("client-")] == left


async def test_a_token_that_comes_later_is_bound_to_the_connection_it_comes_on(gate):
    """For WebSockets: what the opening request said of certificates counts only if a trusted proxy said it."""
    fields = [(b"client-cert", field_of(CERTIFICATE).encode())]
    identify = gate.auth.authenticator.identify_token

    assert identify("Bearer", gate.token, Arrival("GET", "/graphql", Headers(fields), PROXY, "r1")).subject == "u1"
    with pytest.raises(Refusal):
        identify("Bearer", gate.token, Arrival("GET", "/graphql", Headers(fields), "203.0.113.9", "r1"))


async def test_without_trusted_proxies_bound_tokens_are_refused(issuer, trusting):
    vouching = issuer("ES256")
    gate = await trusting(vouching)
    token = vouching.token(cnf={"x5t#S256": encode(hashlib.sha256(CERTIFICATE).digest())})

    assert (await gate.ask(token, client_cert=field_of(CERTIFICATE), peer="127.0.0.1")).told == REFUSED
