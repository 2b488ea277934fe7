"""Only a service that proves its name is talked to, and a failure says which proof was missing (fault 20)."""

import dataclasses
from random import Random

import pytest

from bff.testing import FakeUpstream
from bff.testing import fault_kinds as kinds
from bff.testing.certificates import Authority, self_signed
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request
from bff.upstream.outcome import Outcome


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def limits(limits, authority, tmp_path):
    return dataclasses.replace(limits, ca_file=str(authority.write(tmp_path / "ca.pem")))


async def test_calls_share_one_verified_connection(engine, opened, limits, authority):
    async with _serving(authority.valid()) as upstream:
        transport = opened(engine, limits)
        for _ in range(5):
            assert (await transport.send(Request("GET", upstream.origin, "/thing"))).status == 200
        assert upstream.accepted_connections == 1
        await transport.close()


async def test_a_large_upload_arrives_whole(engine, opened, limits, authority):
    body = Random(0).randbytes(3_000_000)
    async with _serving(authority.valid()) as upstream:
        transport = opened(engine, limits)

        await transport.send(Request("POST", upstream.origin, "/thing", body=body))

        assert upstream.arrivals[0].body == body
        await transport.close()


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        pytest.param(lambda authority: authority.expired(), "expired", id="expired"),
        pytest.param(lambda authority: authority.wrong_name(), "not valid for", id="wrong name"),
        pytest.param(lambda _: self_signed(), "self-signed", id="self-signed"),
        pytest.param(lambda _: Authority("other").valid(), "unable to get local issuer", id="unknown authority"),
    ],
)
async def test_a_certificate_that_proves_nothing_is_refused(certificate, words, engine, opened, limits, authority):
    """Operators have to see at once which of the four it is."""
    async with _serving(certificate(authority)) as upstream:
        transport = opened(engine, limits)

        with pytest.raises(UpstreamError) as caught:
            await transport.send(Request("POST", upstream.origin, "/thing", body=b"secret"))

        assert caught.value.outcome is Outcome.CONNECT
        assert caught.value.sent is False
        assert words in caught.value.detail
        assert upstream.arrivals == []
        await transport.close()


async def test_the_authorities_of_the_system_do_not_vouch_for_a_private_one(engine, opened, authority, limits):
    async with _serving(authority.valid()) as upstream:
        transport = opened(engine, dataclasses.replace(limits, ca_file=None))

        with pytest.raises(UpstreamError) as caught:
            await transport.send(Request("GET", upstream.origin, "/thing"))

        assert caught.value.outcome is Outcome.CONNECT
        assert "certificate refused" in caught.value.detail
        await transport.close()


async def test_a_service_that_speaks_no_tls_is_not_talked_to_in_the_clear(engine, opened, limits, upstream):
    with pytest.raises(UpstreamError) as caught:
        await opened(engine, limits).send(Request("GET", upstream.origin._replace(scheme="https"), "/thing"))

    assert caught.value.outcome is Outcome.CONNECT
    assert "TLS failed" in caught.value.detail
    assert upstream.arrivals == []


async def test_a_handshake_that_stalls_ends_at_the_connect_timeout(engine, opened, limits, service):
    transport = opened(engine, dataclasses.replace(limits, connect_timeout=0.1))

    with pytest.raises(UpstreamError) as caught:
        await transport.send(Request("GET", service.origin._replace(scheme="https"), "/thing"))

    assert (caught.value.outcome, caught.value.phase) == (Outcome.CONNECT, "connect")
    await service.until(lambda: not service.open)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (kinds.ResetBeforeResponse(), Outcome.RESET),
        (kinds.EofBeforeResponse(), Outcome.RESET),
        (kinds.ShortBody(), Outcome.BODY_BROKEN),
        (kinds.MissingTerminator(), Outcome.BODY_BROKEN),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_connection_lost_under_tls_is_told_as_without(kind, outcome, engine, opened, limits, authority):
    async with _serving(authority.valid()) as upstream:
        upstream.trouble(kind)
        transport = opened(engine, limits)

        with pytest.raises(UpstreamError) as caught:
            await transport.send(Request("GET", upstream.origin, "/thing"))

        assert caught.value.outcome is outcome
        assert len(upstream.arrivals) == 1
        await transport.close()


def _serving(certificate) -> FakeUpstream:
    upstream = FakeUpstream(tls=certificate.server_context())
    upstream.on("GET", "/thing", json={"value": "x" * 1000})
    upstream.on("POST", "/thing", json={})
    return upstream
