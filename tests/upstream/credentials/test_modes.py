"""What travels to a service by the mode of its credentials, and that nothing else does (UC-1)."""

import asyncio
import hmac
from base64 import b64decode, b64encode

import pytest

from bff.context import ANONYMOUS
from bff.testing import principal
from bff.upstream.credentials.signature import params_of, sign
from bff.upstream.outcome import Outcome

CLIENTS = {
    "authorization": "Bearer of-the-client",
    "cookie": "session=1",
    "dpop": "proof",
    "x-forwarded-for": "1.2.3.4",
    "forwarded": "for=1.2.3.4",
    "x-api-key": "k",
}


async def test_nothing_of_the_client_travels_on_by_default(make_bff, ann):
    bff = make_bff()

    await bff.get(ann, headers=CLIENTS)

    assert not CLIENTS.keys() & bff.network.requests[0].headers.keys()


@pytest.mark.parametrize("aud", ["orders", ["bff", "orders"]])
async def test_a_token_that_is_meant_for_the_service_is_forwarded(make_bff, aud):
    bff = make_bff(mode="forward", audience="orders")

    await bff.get(principal("ann", token="ann-token", aud=aud))

    assert bff.network.tokens == ["ann-token"]


@pytest.mark.parametrize(
    "who",
    [
        principal("ann", token="t", aud="bff"),
        principal("ann", token="t", aud=["bff", "orders-internal"]),
        principal("ann", token="t"),
        principal("ann", token="t", aud="my-orders"),
        principal("ann", token="t", aud="orders", cnf={"jkt": "x"}),
        principal("ann", aud="orders"),
        ANONYMOUS,
    ],
)
async def test_any_other_token_is_not(make_bff, who):
    bff = make_bff(mode="forward", audience="orders")

    error = await bff.refusal(who)

    assert (error.outcome, error.sent) == (Outcome.AUTH, False)
    assert bff.network.requests == []


async def test_policy_may_let_anonymous_callers_through_without_credentials(make_bff):
    bff = make_bff(mode="forward", audience="orders", anonymous="allow")

    await bff.get()
    error = await bff.refusal(principal("ann", token="t", aud="bff"))

    assert error.outcome is Outcome.AUTH
    assert len(bff.network.requests) == 1
    assert "authorization" not in bff.network.requests[0].headers


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({}, "authorization", "Bearer s3cr3t"),
        ({"header": "x-api-key", "scheme": ""}, "x-api-key", "s3cr3t"),
        ({"scheme": "Basic"}, "authorization", "Basic s3cr3t"),
    ],
)
async def test_a_static_secret_stands_in_its_header(make_bff, settings, header, value):
    bff = make_bff(mode="static", secret="env:ORDERS_SECRET", **settings)

    await bff.get()

    assert bff.network.requests[0].headers[header] == value


async def test_a_secret_in_a_file_is_read_again_when_it_changes(make_bff, tmp_path):
    place = tmp_path / "key"
    place.write_text("one\n")
    bff = make_bff(mode="static", secret=f"file:{place}")
    await bff.get()
    place.write_text("another\n")
    await bff.clock.advance(2)

    await bff.get()

    assert bff.network.tokens == ["one", "another"]


async def test_a_secret_that_is_missing_fails_calls_and_comes_back_by_itself(make_bff, tmp_path):
    """A process starts without it; the log names the place, never a value."""
    place = tmp_path / "key"
    bff = make_bff(mode="static", secret=f"file:{place}")

    error = await bff.refusal()
    place.write_text("s3cr3t")
    await bff.get()

    assert error.outcome is Outcome.AUTH
    assert str(place) in error.detail
    assert bff.network.tokens == ["s3cr3t"]


@pytest.mark.parametrize("mode", ["client_credentials", "static", "hmac"])
async def test_the_service_may_be_told_who_calls(make_bff, own, mode, ann):
    settings = {
        "client_credentials": own,
        "static": {"mode": "static", "secret": "env:ORDERS_SECRET"},
        "hmac": {"mode": "hmac", "secret": "env:ORDERS_SECRET", "key_id": "k1"},
    }[mode]
    bff = make_bff(**settings, subject_header="x-subject")

    await bff.get(ann, headers={"x-subject": "root"})
    await bff.get(headers={"x-subject": "root"}, key="2")

    assert [request.headers.get("x-subject") for request in bff.network.requests] == ["ann", None]


async def test_a_subject_that_would_break_out_of_its_header_is_not_sent(make_bff, own):
    bff = make_bff(**own, subject_header="x-subject")

    assert (await bff.refusal(principal("ann\r\nx-admin: 1", token="t"))).outcome is Outcome.AUTH
    assert bff.network.requests == []


async def test_credentials_go_over_what_the_endpoint_sends_and_the_call_is_left_as_it_was(make_bff, own, ann):
    """A client that could name the subject would be anybody."""
    bff = make_bff(**own, subject_header="x-subject")

    await asyncio.gather(*(bff.get(who, key="1") for who in (ann, principal("bob", token="b"))))

    assert sorted(request.headers["x-subject"] for request in bff.network.requests) == ["ann", "bob"]


def test_the_signature_is_that_of_the_rfc():
    """RFC 9421, appendix B.2.5, with its shared secret."""
    key = b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
    components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
    ]
    params = params_of(components, ';created=1618884473;keyid="test-shared-secret"')

    assert sign(key, components, params) == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


async def test_a_service_can_verify_what_we_sign(make_bff, ann):
    bff = make_bff(mode="hmac", secret="env:ORDERS_SECRET", key_id="k1", subject_header="x-subject")

    await bff.post(ann)
    await bff.get(key="a b")

    post, get = bff.network.requests
    assert verified(post, b"s3cr3t", "bff") == [
        "@method", "@authority", "@path", "@query", "content-digest", "content-type", "x-subject",
    ]  # fmt: skip
    assert verified(get, b"s3cr3t", "bff") == ["@method", "@authority", "@path", "@query"]
    created = get.headers["signature-input"].partition("created=")[2].partition(";")[0]
    assert int(created) == int(bff.clock.wall())


def verified(request, key, label):
    """Return the components that the signature covers, verified as a service would."""
    params = request.headers["signature-input"].removeprefix(f"{label}=")
    names = [name.strip('"') for name in params.partition(")")[0].lstrip("(").split(" ")]
    path, _, query = request.target.partition("?")
    derived = {
        "@method": request.method,
        "@authority": f"{request.origin.host}:{request.origin.port}",
        "@path": path,
        "@query": f"?{query}",
    }
    lines = [f'"{name}": {derived.get(name) or request.headers[name]}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    expected = b64encode(hmac.digest(key, base.encode(), "sha256")).decode()
    assert request.headers["signature"] == f"{label}=:{expected}:"
    return names
