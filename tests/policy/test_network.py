"""Networks, origins and hosts, as files say them."""

import pytest

from bff.policy.load import load
from bff.policy.network import check_host_header, check_network, check_origin
from bff.policy.problem import Refused
from bff.policy.resolve import effective


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::1/128"])
def test_networks(text):
    assert check_network(text) == text


def test_a_single_address_is_a_network():
    assert check_network("192.0.2.1") == "192.0.2.1/32"


@pytest.mark.parametrize(
    "text", ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000"]
)
def test_origins(text):
    assert check_origin(text) == text


@pytest.mark.parametrize(
    "text", ["*", "null", "https://*.example.com", "app.example.com", "https://a.com/x", "http://a.com"]
)
def test_what_is_no_single_encrypted_origin_is_refused(text):
    with pytest.raises(Refused):
        check_origin(text)


@pytest.mark.parametrize("text", ["api.example.com", "localhost:8000", "[::1]:8000", "192.0.2.1"])
def test_hosts(text):
    assert check_host_header(text) == text


def test_without_a_file_nothing_is_said(write):
    policies = load(write({}))

    assert policies.network is None
    assert {one.origin for one in effective(policies, "network")} == {"default"}
    assert load(write({"network.yaml": ""})).network is not None
