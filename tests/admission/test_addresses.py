"""Where a request comes from: only known proxies are believed (RL-6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.admission.addresses import UNKNOWN, Addresses
from bff.policy.network import NetworkPolicy
from bff.server.headers import Headers

PROXIES = {"trusted_proxies": ["10.0.0.0/8", "2001:db8:ffff::/48"]}


def of(peer, *, header="x-forwarded-for", told=None, **policy):
    fields = [] if told is None else [(header.encode(), told.encode())]
    return Addresses(NetworkPolicy.model_validate(policy)).of(peer, Headers(fields))


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        pytest.param("192.0.2.1", None, "192.0.2.1", id="nobody in between"),
        pytest.param("192.0.2.1", "198.51.100.7", "192.0.2.1", id="a stranger's word"),
        pytest.param("10.0.0.1", "198.51.100.7", "198.51.100.7", id="our proxy's word"),
        pytest.param(
            "10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7", id="what the client invented before"
        ),
        pytest.param("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7", id="two proxies of ours"),
        pytest.param("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", id="proxies all the way"),
        pytest.param("10.0.0.1", None, "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", "198.51.100.7:4711", "198.51.100.7", id="with a port"),
        pytest.param("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::/64", id="IPv6 with a port"),
        pytest.param("10.0.0.1", "2001:db8::1", "2001:db8::/64", id="IPv6"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="hidden"),
        pytest.param("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1", id="nonsense next to us"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="empty"),
        pytest.param("2001:db8:ffff::1", "198.51.100.7", "198.51.100.7", id="a proxy in IPv6"),
        pytest.param("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7", id="a proxy in IPv4 within IPv6"),
        pytest.param("::ffff:192.0.2.1", None, "192.0.2.1", id="one name for one address"),
        pytest.param("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64", id="a network is one caller"),
        pytest.param("fe80::1%eth0", None, "fe80::/64", id="with a zone"),
        pytest.param(None, None, UNKNOWN, id="a socket file"),
        pytest.param(None, "198.51.100.7", UNKNOWN, id="a socket file and a word"),
    ],
)
def test_rl6_the_client_is_the_first_from_the_right_that_is_none_of_ours(peer, told, client):
    assert of(peer, told=told, **PROXIES) == (client, True)


def test_without_proxies_no_header_counts():
    assert of("10.0.0.1", told="198.51.100.7") == ("10.0.0.1", True)


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("for=203.0.113.9, for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ('For="[2001:db8::1]:4711"', "2001:db8::/64"),
        ("for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_the_standard_header_is_read_where_policy_says_so(told, client):
    """RFC 7239."""
    assert of("10.0.0.1", header="forwarded", told=told, forwarded="forwarded", **PROXIES) == (client, True)


def test_the_header_that_policy_does_not_name_is_ignored():
    """A proxy that writes one of them lets the other one pass."""
    assert of("10.0.0.1", header="forwarded", told="for=198.51.100.7", **PROXIES) == ("10.0.0.1", True)


@given(st.text(max_size=200).filter(lambda text: text.isascii()))
def test_nothing_that_a_header_says_is_a_fault(told):
    addresses = Addresses(NetworkPolicy.model_validate(PROXIES))
    headers = Headers([(b"x-forwarded-for", told.encode())])

    partition, served = addresses.of("10.0.0.1", headers)

    assert served
    assert partition


@pytest.mark.parametrize(
    ("peer", "policy", "served"),
    [
        ("192.0.2.1", {"deny": ["192.0.2.0/24"]}, False),
        ("192.0.2.1", {"deny": ["198.51.100.0/24"]}, True),
        ("192.0.2.1", {"allow": ["192.0.2.0/24"]}, True),
        ("198.51.100.1", {"allow": ["192.0.2.0/24"]}, False),
        ("192.0.2.1", {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.1"]}, False),
        ("::ffff:192.0.2.1", {"deny": ["192.0.2.0/24"]}, False),
        ("2001:db8::1", {"deny": ["192.0.2.0/24"]}, True),
        ("2001:db8::1", {"deny": ["2001:db8::/32"]}, False),
        (None, {"allow": ["192.0.2.0/24"]}, False),
        (None, {"deny": ["192.0.2.0/24"]}, True),
    ],
)
def test_who_is_served(peer, policy, served):
    assert of(peer, **policy)[1] is served
