"""Each certificate is wrong in exactly the way it says."""

import ssl

import httpx
import pytest

from bff.testing.certificates import Authority, self_signed


@pytest.fixture(scope="module")
def authority():
    return Authority()


async def get(fake_upstream, certificate, context, host="127.0.0.1"):
    fake = await fake_upstream(tls=certificate.server_context())
    fake.on("GET", "/", json=1)
    async with httpx.AsyncClient(verify=context, timeout=2) as client:
        return await client.get(f"https://{host}:{fake.origin.port}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_valid_one_is_accepted(fake_upstream, authority, host):
    answer = await get(fake_upstream, authority.valid(), authority.client_context(), host)

    assert answer.json() == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda authority: authority.expired(), "certificate has expired"),
        (lambda authority: authority.wrong_name(), "IP address mismatch"),
        (lambda _: self_signed(), "self-signed certificate"),
        (lambda _: Authority().valid(), "unable to get local issuer certificate"),
    ],
    ids=["expired", "wrong name", "self-signed", "unknown authority"],
)
async def test_a_wrong_one_is_refused_for_its_reason(fake_upstream, authority, make, reason):
    with pytest.raises(httpx.ConnectError, match=reason):
        await get(fake_upstream, make(authority), authority.client_context())


async def test_strict_verification_finds_nothing_else(fake_upstream, authority):
    """Python 3.13 turns it on by default."""
    context = authority.client_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT

    assert (await get(fake_upstream, authority.valid(), context)).status_code == 200


async def test_the_authority_can_be_written_for_settings_that_take_a_file(fake_upstream, authority, tmp_path):
    path = authority.write(tmp_path / "ca.pem")

    answer = await get(fake_upstream, authority.valid(), ssl.create_default_context(cafile=str(path)))

    assert answer.status_code == 200
