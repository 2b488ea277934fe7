"""A service that asks for a certificate gets ours, and the new one after it was replaced (UC-1, mtls)."""

import dataclasses
import ssl

import pytest

from bff.testing import FakeUpstream
from bff.testing.certificates import Authority
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request
from bff.upstream.outcome import Outcome
from bff.upstream.transport.client_certificate import ClientCertificate


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def clients():
    return Authority("clients")


@pytest.fixture
def files(tmp_path, clients):
    """Return a function that writes a certificate of an authority, of the right one unless told otherwise."""
    places = tmp_path / "ours.pem", tmp_path / "ours.key"

    def write(issuer=clients):
        issued = issuer.valid("bff.internal")
        for place, content in zip(places, (issued.certificate, issued.key), strict=True):
            place.write_bytes(content)
        return str(places[0]), str(places[1])

    return write


@pytest.fixture
def limits(limits, authority, tmp_path, files):
    ca_file = str(authority.write(tmp_path / "ca.pem"))
    return dataclasses.replace(limits, ca_file=ca_file, certificate=files())


@pytest.fixture
async def demanding(authority, clients):
    """A service that lets only clients with a certificate in."""
    async with FakeUpstream(tls=authority.valid().server_context(clients)) as upstream:
        upstream.on("GET", "/thing", json={})
        yield upstream


async def test_our_certificate_opens_the_door(engine, opened, limits, demanding):
    transport = opened(engine, limits)

    response = await transport.send(Request("GET", demanding.origin, "/thing"))

    assert response.status == 200


async def test_without_one_it_stays_shut(engine, opened, limits, demanding):
    transport = opened(engine, dataclasses.replace(limits, certificate=None))

    with pytest.raises(UpstreamError) as caught:
        await transport.send(Request("GET", demanding.origin, "/thing"))

    assert caught.value.outcome in {Outcome.CONNECT, Outcome.RESET}
    assert demanding.arrivals == []


async def test_a_replaced_certificate_is_used_for_new_connections(engine, opened, limits, demanding, files):
    files(Authority("strangers"))
    transport = opened(engine, limits)
    with pytest.raises(UpstreamError):
        await transport.send(Request("GET", demanding.origin, "/thing"))
    files()

    response = await transport.send(Request("GET", demanding.origin, "/thing"))

    assert response.status == 200


async def test_files_that_are_not_there_fail_the_call_and_nothing_is_sent(engine, opened, limits, demanding):
    transport = opened(engine, dataclasses.replace(limits, certificate=("missing.pem", "missing.key")))

    with pytest.raises(UpstreamError) as caught:
        await transport.send(Request("GET", demanding.origin, "/thing"))

    assert (caught.value.outcome, caught.value.sent) == (Outcome.CONNECT, False)
    assert demanding.arrivals == []


def test_half_of_a_replacement_is_not_used(files, tmp_path):
    """The key comes a moment after the certificate; the pair that fitted is used until then."""
    places = files()
    shown, context = ClientCertificate(*places), ssl.create_default_context()
    shown.show_in(context)
    (tmp_path / "ours.pem").write_bytes(Authority("clients").valid("other").certificate)

    shown.show_in(context)

    files()
    shown.show_in(context)
    with pytest.raises(FileNotFoundError):
        ClientCertificate("missing", "missing").show_in(context)
